"""The geometries of the golden models: scaled RoPE is tested beyond the original context."""

from models_deepseek import DEEPSEEK
from models_layer_norm import COMMAND_R, DBRX
from models_llama import LLAMA, MIXTRAL

MODELS = LLAMA | MIXTRAL | COMMAND_R | DBRX | DEEPSEEK
