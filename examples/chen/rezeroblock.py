class ReZeroBlock(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.layer = nn.Linear(width, width)
        self.relu = nn.ReLU()
        self.alpha = nn.Parameter(torch.zeros(1))

    def forward(self, X):
        return self.alpha * self.relu(self.layer(X))
