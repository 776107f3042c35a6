class ResidualBlock(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.layer = nn.Linear(width, width)
        self.relu = nn.ReLU()

    def forward(self, X):
        return X + torch.sigmoid(self.layer(X))
