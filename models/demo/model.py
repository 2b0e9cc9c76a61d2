"""The DeepSeek-V3 network at toy size: latent attention, a dense layer, then routed experts."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn


@dataclass
class Geometry:
    """Every input width is a multiple of 32, so that any row can be stored in 32-value blocks."""

    vocab: int = 1024
    hidden: int = 256
    layers: int = 5
    dense_layers: int = 1
    heads: int = 4
    q_rank: int = 128
    kv_rank: int = 96
    nope: int = 32
    rope: int = 32
    value: int = 64
    ffn: int = 384
    experts: int = 8
    experts_used: int = 2
    groups: int = 4
    groups_used: int = 2
    expert_ffn: int = 64
    expert_scale: float = 2.5
    context: int = 1024
    theta: float = 10000.0
    epsilon: float = 1e-6


def matrix(*shape):
    return nn.Parameter(torch.randn(*shape) * shape[-1] ** -0.5)


class RmsNorm(nn.Module):
    def __init__(self, width, epsilon):
        super().__init__()
        self.weight, self.epsilon = nn.Parameter(torch.ones(width)), epsilon

    def forward(self, x):
        return F.rms_norm(x.float(), self.weight.shape, self.weight, self.epsilon)


def rope_table(g):
    frequency = g.theta ** (-torch.arange(0, g.rope, 2, dtype=torch.float64) / g.rope)
    angle = torch.arange(g.context, dtype=torch.float64)[:, None] * frequency
    return torch.cos(angle).float(), torch.sin(angle).float()


def rotate(x, cos, sin):
    """Turns the pairs (x0, x1), (x2, x3), ... of the last axis of [batch, heads, tokens, rope]."""
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), -1).flatten(-2)


def causal_mask(tokens):
    return torch.full((tokens, tokens), float("-inf")).triu(1)


class Attention(nn.Module):
    """Multi-head latent attention, plain form: keys and values are expanded from the latent."""

    def __init__(self, g):
        super().__init__()
        self.g = g
        self.q_a, self.q_b = matrix(g.q_rank, g.hidden), matrix(
            g.heads * (g.nope + g.rope), g.q_rank
        )
        self.kv_a, self.kv_b = matrix(g.kv_rank + g.rope, g.hidden), matrix(
            g.heads * (g.nope + g.value), g.kv_rank
        )
        self.out = matrix(g.hidden, g.heads * g.value)
        self.q_norm, self.kv_norm = RmsNorm(g.q_rank, g.epsilon), RmsNorm(g.kv_rank, g.epsilon)

    def forward(self, x, cos, sin):
        g, (batch, tokens, _) = self.g, x.shape
        q = (
            F.linear(self.q_norm(F.linear(x, self.q_a)), self.q_b)
            .view(batch, tokens, g.heads, -1)
            .transpose(1, 2)
        )
        latent, k_rope = F.linear(x, self.kv_a).split([g.kv_rank, g.rope], -1)
        kv = (
            F.linear(self.kv_norm(latent), self.kv_b)
            .view(batch, tokens, g.heads, -1)
            .transpose(1, 2)
        )
        k_rope = rotate(k_rope[:, None], cos, sin).expand(-1, g.heads, -1, -1).to(kv.dtype)
        q = torch.cat((q[..., : g.nope], rotate(q[..., g.nope :], cos, sin).to(q.dtype)), -1)
        k = torch.cat((kv[..., : g.nope], k_rope), -1)
        # Written out: on sequences this short the fused kernel is slower than batched products.
        score = (q @ k.transpose(-1, -2)).float() * (g.nope + g.rope) ** -0.5 + causal_mask(tokens)
        mixed = score.softmax(-1).to(kv.dtype) @ kv[..., g.nope :]
        return F.linear(mixed.transpose(1, 2).reshape(batch, tokens, -1), self.out)


class Dense(nn.Module):
    def __init__(self, g):
        super().__init__()
        self.gate, self.up, self.down = (
            matrix(g.ffn, g.hidden),
            matrix(g.ffn, g.hidden),
            matrix(g.hidden, g.ffn),
        )

    def forward(self, x):
        return F.linear(F.silu(F.linear(x, self.gate)) * F.linear(x, self.up), self.down)


class Experts(nn.Module):
    """Routed experts and the shared one.

    All experts are computed for all tokens and masked, which at this size beats gathering. The
    shared expert is the last of the stacked matrices and always has weight one.
    """

    def __init__(self, g):
        super().__init__()
        self.g = g
        self.router = matrix(g.experts, g.hidden)
        self.register_buffer("bias", torch.zeros(g.experts))
        self.register_buffer("load", torch.zeros(g.experts))
        self.gate = matrix(g.experts + 1, g.expert_ffn, g.hidden)
        self.up = matrix(g.experts + 1, g.expert_ffn, g.hidden)
        self.down = matrix(g.experts + 1, g.hidden, g.expert_ffn)

    def choose(self, score):
        """A 0/1 mask of the experts each token uses: the best groups, then the best in them."""
        g = self.g
        biased = (score + self.bias).detach()
        group_score = biased.unflatten(-1, (g.groups, -1)).topk(2, -1).values.sum(-1)
        kept = torch.zeros_like(group_score).scatter_(
            -1, group_score.topk(g.groups_used, -1).indices, 1
        )
        kept = kept.repeat_interleave(g.experts // g.groups, -1)
        best = biased.masked_fill(kept == 0, float("-inf")).topk(g.experts_used, -1).indices
        return torch.zeros_like(score).scatter_(-1, best, 1)

    def forward(self, x):
        with torch.autocast("cpu", enabled=False):
            score = torch.sigmoid(F.linear(x.float(), self.router))
        chosen = self.choose(score)
        if self.training:
            self.load += chosen.sum((0, 1))
        weight = score * chosen
        weight = self.g.expert_scale * weight / (weight.sum(-1, keepdim=True) + 1e-20)
        weight = torch.cat((weight, torch.ones_like(weight[..., :1])), -1)
        hidden = F.silu(F.linear(x, self.gate.flatten(0, 1))) * F.linear(x, self.up.flatten(0, 1))
        hidden = hidden.unflatten(-1, (self.g.experts + 1, -1)) * weight[..., None].to(hidden.dtype)
        return F.linear(hidden.flatten(-2), self.down.transpose(0, 1).flatten(1))

    def balance(self, rate):
        """Moves the selection bias towards an even load, which needs no extra loss term."""
        self.bias += rate * torch.sign(self.load.mean() - self.load)
        self.load.zero_()


class Layer(nn.Module):
    def __init__(self, g, dense):
        super().__init__()
        self.attention_norm, self.ffn_norm = RmsNorm(g.hidden, g.epsilon), RmsNorm(
            g.hidden, g.epsilon
        )
        self.attention, self.ffn = Attention(g), Dense(g) if dense else Experts(g)

    def forward(self, x, cos, sin):
        x = x + self.attention(self.attention_norm(x), cos, sin)
        return x + self.ffn(self.ffn_norm(x))


class DemoModel(nn.Module):
    def __init__(self, g):
        super().__init__()
        self.g = g
        self.embedding, self.head = nn.Parameter(torch.randn(g.vocab, g.hidden) * 0.5), matrix(
            g.vocab, g.hidden
        )
        self.layers = nn.ModuleList(Layer(g, i < g.dense_layers) for i in range(g.layers))
        self.norm = RmsNorm(g.hidden, g.epsilon)
        cos, sin = rope_table(g)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)
        for layer in self.layers:
            for last in (layer.attention.out, layer.ffn.down):
                last.data /= (2 * g.layers) ** 0.5

    def forward(self, tokens):
        x, n = self.embedding[tokens], tokens.shape[1]
        for layer in self.layers:
            x = layer(x, self.cos[:n], self.sin[:n])
        return F.linear(self.norm(x), self.head)

    def balance(self, rate):
        for layer in self.layers[self.g.dense_layers :]:
            layer.ffn.balance(rate)
