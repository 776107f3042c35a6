class ResidualNet(nn.Module):
    def __init__(self, depth, block, input_size=40, output_size=10, width=64):
        super().__init__()
        self.first = nn.Linear(input_size, width)
        self.relu = nn.ReLU()
        self.blocks = nn.ModuleList([block(width) for _ in range(depth - 2)])
        self.last = nn.Linear(width, output_size)

    def forward(self, X):
        X = self.relu(self.first(X))
        for block in self.blocks:
            X = block(X)
        return self.relu(self.last(X))
