"""How deep each parameter of an encoder lies: for freezing the lowest layers and for slower rates below.

In: any encoder of transformers with a head. Out: its parameters by depth, whatever they are called.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from prompts.errors import ClassifierError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from torch import nn
    from transformers import PreTrainedModel


@dataclass(frozen=True, kw_only=True)
class Depths:
    """Where the parameters lie.

    Attributes:
        layers: how many layers there are; layers that share their weights, as ALBERT's do, count as one.
        of: parameter name -> 0 for the embeddings and what else comes before the layers, 1 for the lowest
            layer up to `layers` for the highest, and one more for everything above them, the head included.
    """

    layers: int
    of: Mapping[str, int]


def depths(model: PreTrainedModel) -> Depths:
    """Return the depth of every parameter.

    The layers are the largest list of modules in the encoder; parameters lie in a model in the order in which
    it uses them, so what is listed before the layers lies below them.

    Raises:
        ClassifierError: the encoder has no such list.
    """
    from torch import nn

    encoder = model.base_model
    stacks = [(name, module) for name, module in encoder.named_modules() if isinstance(module, nn.ModuleList)]
    if not stacks:
        raise ClassifierError(
            f"{model.config.model_type} models have no list of layers: leave freeze and layer_decay out"
        )
    stack, layers = max(stacks, key=lambda named: sum(p.numel() for p in named[1].parameters()))
    below = {id(p): 0 for p in _before(encoder, f"{stack}.")}
    inside = {id(p): place for place, layer in enumerate(layers, start=1) for p in layer.parameters()}
    top = len(layers) + 1
    return Depths(
        layers=len(layers),
        of={name: (below | inside).get(id(p), top) for name, p in model.named_parameters()},
    )


def _before(encoder: nn.Module, stack: str) -> Iterable[nn.Parameter]:
    for name, parameter in encoder.named_parameters():
        if name.startswith(stack):
            return
        yield parameter


def freeze(model: PreTrainedModel, how: int | Literal["encoder"]) -> None:
    """Keep a part of the model as it is.

    Args:
        model: its parameters stop asking for gradients.
        how: the number of the lowest layers, with everything below them; 0 freezes nothing. "encoder" leaves
            only the head to learn, with the pooler, which hands the text's vector to it.

    Raises:
        ClassifierError: the encoder has fewer layers.
    """
    if how == 0:
        return
    if how == "encoder":
        for name, parameter in model.base_model.named_parameters():
            parameter.requires_grad = any(part.startswith("pooler") for part in name.split("."))
        return
    known = depths(model)
    if how > known.layers:
        raise ClassifierError(
            f"freeze = {how}: this {model.config.model_type} model has {known.layers} layers of its own "
            f"weights; give at most {known.layers}, or freeze = 'encoder'"
        )
    for name, parameter in model.named_parameters():
        parameter.requires_grad = known.of[name] > how


def rate_groups(
    model: PreTrainedModel,
    decayed: Iterable[str],
    *,
    learning_rate: float,
    layer_decay: float,
    weight_decay: float,
) -> list[dict[str, Any]]:
    """Return the optimizer's groups of parameters, each with the rate of its depth.

    The head learns at `learning_rate`, every layer at `layer_decay` times the rate of what lies above it, the
    embeddings slowest (discriminative fine-tuning: Howard & Ruder 2018, section 3.2; as a factor per layer:
    Clark et al. 2020, appendix B).

    Args:
        model: what is trained; frozen parameters are left out.
        decayed: names of the parameters that weight decay is for.
        learning_rate: of the head.
        layer_decay: in (0, 1].
        weight_decay: of the parameters in `decayed`.
    """
    known, wanted = depths(model), set(decayed)
    groups: dict[tuple[int, bool], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            groups.setdefault((known.of[name], name in wanted), []).append(parameter)
    return [
        {
            "params": parameters,
            "lr": learning_rate * layer_decay ** (known.layers + 1 - depth),
            "weight_decay": weight_decay if is_decayed else 0.0,
        }
        for (depth, is_decayed), parameters in sorted(groups.items(), key=lambda item: item[0])
    ]
