class BasicBlock(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv_1 = nn.Conv1d(channels, channels, 3, padding=1, bias=False)
        self.norm_1 = nn.BatchNorm1d(channels)
        self.conv_2 = nn.Conv1d(channels, channels, 3, padding=1, bias=False)
        self.norm_2 = nn.BatchNorm1d(channels)
        self.relu = nn.ReLU()

    def forward(self, X):
        branch = self.relu(self.norm_1(self.conv_1(X)))
        branch = self.norm_2(self.conv_2(branch))
        return self.relu(branch)
