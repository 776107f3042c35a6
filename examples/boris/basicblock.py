class BasicBlock(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv_1 = nn.Conv1d(channels, channels, 3, padding=1, bias=False)
        self.norm_1 = nn.BatchNorm1d(channels)
        self.conv_2 = nn.Conv1d(channels, channels, 3, padding=1, bias=False)
        self.norm_2 = nn.BatchNorm1d(channels)
        self.relu = nn.ReLU()

    def forward(self, X):
        h = X
        for layer in [self.conv_1, self.norm_1, self.relu, self.conv_2, self.norm_2]:
            h = layer(h)
        h += X
        return h.clamp(min=0)
