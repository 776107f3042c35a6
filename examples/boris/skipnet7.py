class SkipNet7(nn.Module):
    def __init__(self, input_size, output_size, hidden_size=128):
        super().__init__()
        self.layer_1 = nn.Linear(input_size, hidden_size)
        self.layer_2 = nn.Linear(hidden_size, hidden_size)
        self.layer_3 = nn.Linear(hidden_size, hidden_size)
        self.layer_4 = nn.Linear(hidden_size, hidden_size)
        self.layer_5 = nn.Linear(hidden_size, hidden_size)
        self.layer_6 = nn.Linear(hidden_size, hidden_size)
        self.layer_7 = nn.Linear(hidden_size, output_size)
        self.skip_layer = nn.Linear(input_size, output_size)
        self.relu = nn.ReLU()

    def forward(self, X):
        layers = [getattr(self, f"layer_{number}") for number in range(1, 8)]
        h = X
        for layer in layers:
            h = layer(h).relu()
        out = self.skip_layer(X)
        out += h
        return torch.relu(out)
