class NormalNet7(nn.Module):
    def __init__(self, input_size, output_size, hidden_size=128):
        super().__init__()
        self.layer_1 = nn.Linear(input_size, hidden_size)
        self.layer_2 = nn.Linear(hidden_size, hidden_size)
        self.layer_3 = nn.Linear(hidden_size, hidden_size)
        self.layer_4 = nn.Linear(hidden_size, hidden_size)
        self.layer_5 = nn.Linear(hidden_size, hidden_size)
        self.layer_6 = nn.Linear(hidden_size, hidden_size)
        self.layer_7 = nn.Linear(hidden_size, output_size)
        self.relu = nn.ReLU()

    def forward(self, X):
        h = self.relu(self.layer_1(X))
        h = self.relu(self.layer_2(h))
        h = self.relu(self.layer_3(h))
        h = self.relu(self.layer_4(h)
        h = self.relu(self.layer_5(h))
        h = self.relu(self.layer_6(h))
        h = self.relu(self.layer_7(h))
        return h
