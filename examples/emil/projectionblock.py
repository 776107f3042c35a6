class ProjectionBlock(nn.Module):
    def __init__(self, in_channels, out_channels, stride=1):
        super().__init__()
        self.conv_1 = nn.Conv1d(in_channels, out_channels, 3, stride=stride, padding=1, bias=False)
        self.norm_1 = nn.BatchNorm1d(out_channels)
        self.conv_2 = nn.Conv1d(out_channels, out_channels, 3, padding=1, bias=False)
        self.norm_2 = nn.BatchNorm1d(out_channels)
        self.relu = nn.ReLU()
        self.projection = nn.Conv1d(in_channels, out_channels, 1, stride=stride, bias=False)

    def forward(self, X):
        branch = self.relu(self.norm_1(self.conv_1(X)))
        branch = self.norm_2(self.conv_2(branch))
        return self.relu(branch + self.projection(X))
