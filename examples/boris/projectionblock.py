class ProjectionBlock(nn.Module):
    def __init__(self, in_channels, out_channels, stride=1):
        super().__init__()
        self.conv_1 = nn.Conv1d(in_channels, out_channels, 3, stride=stride, padding=1, bias=False)
        self.norm_1 = nn.BatchNorm1d(out_channels)
        self.conv_2 = nn.Conv1d(out_channels, out_channels, 3, padding=1, bias=False)
        self.norm_2 = nn.BatchNorm1d(out_channels)
        self.relu = nn.ReLU()
        self.projection = None
        if stride > 1 or out_channels != in_channels:
            self.projection = nn.Conv1d(
                in_channels, out_channels, kernel_size=1, stride=stride, bias=False
            )

    def forward(self, X):
        h = self.norm_1(self.conv_1(X)).relu()
        h = self.norm_2(self.conv_2(h))
        shortcut = X if self.projection is None else self.projection(X)
        return torch.stack([h, shortcut]).sum(dim=0).relu()
