"""What an operation of PyTorch is in a picture of a wiring: a layer, an addition, or another."""

from __future__ import annotations

import re
from collections.abc import Callable
from numbers import Number
from typing import Any

from torch import Tensor

# What an operation is, by its name without underscores at the ends; autograd's names, too.
_MAPS = (
    "linear conv1d conv2d conv3d convolution matmul mm bmm addmm addmv addbmm einsum bilinear"
    " rmatmul baddbmm mv dot inner tensordot sparse_mm conv_transpose1d conv_transpose2d"
    " conv_transpose3d embedding multi_head_attention_forward lstm gru rnn_tanh rnn_relu"
    " lstm_cell gru_cell rnn_tanh_cell rnn_relu_cell"
)
_ACTIVATIONS = (
    "relu relu6 leaky_relu prelu rrelu elu celu selu gelu silu mish sigmoid tanh softmax"
    " log_softmax softplus softsign hardtanh hardsigmoid hardswish logsigmoid threshold clamp"
    " clamp_min clip maximum"
)
_SAME = (
    "view reshape flatten unflatten squeeze unsqueeze transpose permute contiguous clone to float"
    " double type type_as detach requires_grad data T mT H expand expand_as view_as reshape_as"
    " alias positive movedim swapaxes t cpu as_subclass as_strided unsafe_view reshape_alias"
    " to_copy weight_norm weight_norm_interface backward_hook_function"
)
_KINDS = {
    **dict.fromkeys(_MAPS.split(), "layer"),
    **dict.fromkeys(_ACTIVATIONS.split(), "activation"),
    **dict.fromkeys(_SAME.split(), "same"),
    **dict.fromkeys(
        ("batch_norm", "layer_norm", "group_norm", "instance_norm", "rms_norm"), "norm"
    ),
    **dict.fromkeys(("native_batch_norm", "native_layer_norm", "native_group_norm"), "norm"),
    **dict.fromkeys(("cat", "concat", "concatenate", "stack", "hstack", "vstack"), "concatenate"),
    **dict.fromkeys(("add", "radd", "iadd", "sub", "rsub", "isub", "subtract"), "add"),
    **dict.fromkeys(("mul", "rmul", "imul", "multiply", "div", "truediv", "rtruediv"), "multiply"),
    **dict.fromkeys(("idiv", "itruediv", "divide", "true_divide", "rdiv", "neg"), "multiply"),
}
KINDS = frozenset({*_KINDS.values(), "input", "other", "value", "output"} - {"same"})
LABELS = {
    "relu": "ReLU",
    **dict.fromkeys(("concatenate", "cat", "concat"), "join"),
    **dict.fromkeys(
        ("getitem", "select", "slice", "narrow", "unbind", "split", "chunk", "index"), "part"
    ),
    "differentiable_graph": "TorchScript",
    **dict(gt=">", ge="≥", lt="<", le="≤"),
    **dict.fromkeys(("setitem", "copy_slices", "index_put"), "change of a part"),
}
SIGNS = {
    **dict.fromkeys(("add", "radd"), "+"),
    **dict.fromkeys(("sub", "rsub"), "−"),
    **dict.fromkeys(("mul", "rmul"), "×"),
    **dict.fromkeys(("div", "truediv", "rtruediv"), "÷"),
    "pow": "^",
}
# What takes no more than a shape from a tensor.
_NEW = (
    "zeros_like ones_like full_like empty_like rand_like randn_like randint_like new_zeros"
    " new_ones new_full new_empty new_tensor"
)
NEW = frozenset(_NEW.split())
COPIES = frozenset(["tensor", "as_tensor", "asarray"])  # of numbers from anywhere
FILLED = frozenset(["zero", "fill", "normal", "uniform", "random", "bernoulli", "exponential"])
LEAVING = frozenset(["numpy", "tolist", "array"])  # the numbers go where nobody follows them
POSITIVE = frozenset(["gt", "ge", "greater", "greater_equal"])
NEGATIVE = frozenset(["lt", "le", "less", "less_equal"])


def kind_of(name: str) -> str:
    """What an operation is.

    Args:
        name: as `name_of` gives it.

    Returns:
        One of `KINDS`, or "same" where the tensor stays what it is.
    """
    return _KINDS.get(name, "other")


def name_of(function: Callable) -> str:
    """The name of a function of PyTorch, without underscores at the ends.

    Args:
        function: as `__torch_function__` is given it.

    Returns:
        Such as "add" for `torch.add`, `Tensor.add_` and `Tensor.__add__`.
    """
    name = getattr(function, "__name__", "step")
    if name == "__get__":  # of a property, such as X.T
        name = getattr(function.__self__, "__name__", "step")
    return name.split(".")[0].strip("_")  # torch.ops.aten.add.Tensor


def name_in_autograd(function: Any) -> str:  # noqa: ANN401
    """The name of what a node of autograd's graph goes back through.

    Args:
        function: a tensor's `grad_fn`, or one that comes before it.

    Returns:
        Such as "unsafe_view" for "UnsafeViewBackward0".
    """
    name = function.name().split("::")[-1]
    name = re.sub(r"Backward\d*$", "", name)
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().strip("_") or "step"


def is_relu(
    name: str,
    args: tuple,
    kwargs: dict[str, Any],
    is_mask: Callable[[Any, Any, bool], bool],
    is_zero: Callable[[Any], bool],
) -> bool:
    """Whether a call does what ReLU does to its input, however it is written.

    Args:
        name: of the function, as `name_of` gives it.
        args: its positional arguments.
        kwargs: its keyword arguments.
        is_mask: whether a tensor is a comparison of another with 0, and says where that is above 0
            (True) or below (False).
        is_zero: whether a value is 0, or a tensor of zeros.

    Returns:
        Whether it does.
    """
    given = [*args, *kwargs.values()]
    first, second, third = [*given, None, None, None][:3]
    if name in ("clamp", "clip", "clamp_min"):
        low = kwargs.get("min", args[1] if len(args) > 1 else None)
        high = kwargs.get("max", args[2] if len(args) > 2 else None)
        return low is not None and is_zero(low) and high is None
    if name == "leaky_relu":
        slope = kwargs.get("negative_slope", args[1] if len(args) > 1 else None)
        return slope is not None and is_zero(slope)
    if name == "threshold":
        return len(given) >= 3 and is_zero(second) and is_zero(third)
    if name in ("maximum", "max", "fmax"):
        return len(given) == 2 and any(isinstance(one, Tensor) and is_zero(one) for one in given)
    if name in ("mul", "rmul", "imul", "multiply"):
        return is_mask(first, second, True) or is_mask(second, first, True)
    if name == "where":
        return (is_mask(first, second, True) and is_zero(third)) or (
            is_mask(first, third, False) and is_zero(second)
        )
    if name in ("masked_fill", "setitem"):
        return is_mask(second, first, False) and is_zero(third)
    return False


def numbers_in(args: tuple, kwargs: dict[str, Any]) -> list[Number]:
    """The plain numbers among arguments.

    Args:
        args: positional.
        kwargs: by name.

    Returns:
        They, in order.
    """
    return [one for one in (*args, *kwargs.values()) if isinstance(one, Number)]
