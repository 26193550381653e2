"""An embedding whose table is handed on, so that an output layer can share it."""

from torch import Tensor, nn
from torch.nn import functional as F


class TiedEmbedding(nn.Embedding):
    """Vectors of ids ``(B, T)`` → ``(B, T, F)``, and the table ``(V, F)`` itself."""

    def forward(self, input: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        return F.embedding(input, self.weight), self.weight
