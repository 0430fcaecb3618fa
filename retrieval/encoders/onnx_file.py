"""A torch module as an ONNX file, its weights beside it."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def write_onnx(
    module: "torch.nn.Module", file: Path, *, inputs: "Mapping[str, torch.Tensor]", output: str
) -> frozenset[str]:
    """Trace what the module makes of `inputs`, int64 [texts, tokens] by their names; both sizes may be others later.

    module   runs on the processor meanwhile, wherever it lies
    file     gets the graph; its weights go into FILE.data, which runtimes map into memory instead of copying
    output   the name of what the module returns, [texts, ...]

    Returns the names of the inputs that the graph reads: one that changes nothing is not among them. Raises whatever
    torch and the module's code raise.
    """
    import onnx
    import torch

    device = next(module.parameters()).device
    sizes = {0: "texts", 1: "tokens"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of tracing, which comparing the outputs answers
        try:
            torch.onnx.export(
                module.eval().cpu(),
                tuple(inputs.values()),
                str(file),
                input_names=list(inputs),
                output_names=[output],
                dynamic_axes={**dict.fromkeys(inputs, sizes), output: {0: "texts"}},
                opset_version=17,
                dynamo=False,  # the newer exporter needs onnxscript, and takes ten times as long
            )
        finally:
            module.to(device)
    model = onnx.load(file)
    onnx.save_model(model, file, save_as_external_data=True, location=f"{file.name}.data", size_threshold=1024)
    return frozenset(value.name for value in model.graph.input)


def example_inputs() -> "tuple[torch.Tensor, torch.Tensor]":
    """int64 [2, 12] token ids and a mask that leaves some of them out, since tracing follows what it is shown."""
    import torch

    ids = torch.arange(1, 25).reshape(2, 12)
    mask = torch.ones_like(ids)
    mask[1, 7:] = 0
    return ids, mask
