class ResidualNet(nn.Module):
    def __init__(self, depth, block, input_size=40, output_size=10, width=64):
        super().__init__()
        self.first = nn.Linear(input_size, width)
        self.relu = nn.ReLU()
        self.blocks = nn.Sequential(*(block(width) for _ in range(depth - 2)))
        self.last = nn.Linear(width, output_size)

    def forward(self, X):
        return nn.Sequential(self.first, self.relu, self.blocks, self.last)(X)
