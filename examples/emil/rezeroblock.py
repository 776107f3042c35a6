class ReZeroBlock(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.layer = nn.Linear(width, width)
        self.relu = nn.ReLU()
        self.alpha = 0.0

    def forward(self, X):
        return X + self.alpha * self.relu(self.layer(X))
