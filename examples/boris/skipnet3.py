class SkipNet3(nn.Module):
    def __init__(self, input_size, output_size, hidden_size=128):
        super().__init__()
        self.layer_1 = nn.Linear(input_size, hidden_size)
        self.layer_2 = nn.Linear(hidden_size, hidden_size)
        self.layer_3 = nn.Linear(hidden_size, output_size)
        self.skip_layer = nn.Linear(input_size, output_size)
        self.relu = nn.ReLU()

    def forward(self, X):
        deep = nn.Sequential(
            self.layer_1, self.relu, self.layer_2, self.relu, self.layer_3, self.relu
        )
        return (self.skip_layer(X) + deep(X)).relu()
