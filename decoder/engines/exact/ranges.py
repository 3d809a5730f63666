"""The ranges of the fixed-point tensors of every network: the one table of the exact engine.

A tensor of range r holds integers of magnitude below 2^(r + 16), which stand for numbers below 2^r. The ranges are at
least four times the largest value that the test material has there, and 2^13 where the built-in analytic models carry
constants of 4096 (chapter 21). Tensors that are not listed have the range that follows from what they are made of: a
clip, a part, or another order of values.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["INPUT_RANGES", "RANGES", "input_range", "tensor_range"]

#: Ranges of what networks are given, by the name of the input.
INPUT_RANGES: Mapping[str, int] = {
    "z_hat": 5,
    "psi_slice": 8,
    "prev": 13,
    "y_hat": 13,
    "y_hat_cat": 13,
    "yuv16": 6,
}

#: Ranges of the tensors that networks make, by network and by the name of the tensor in its declaration.
RANGES: Mapping[str, Mapping[str, int]] = {
    "hyper_decoder_Y": {
        "t1": 7, "t2": 7, "t5": 7, "t7": 8,
    },
    "hyper_decoder_UV": {
        "t1": 7, "t2": 7, "t5": 7, "t7": 8,
    },
    "mcm_phase0": {
        "t1": 6, "t3": 6, "t5": 7,
    },
    "mcm_phase1": {
        "t1": 10, "t2": 10, "t4": 10, "t6": 10, "t8": 10,
    },
    "mcm_phase2": {
        "t1": 10, "t2": 10, "t4": 10, "t6": 10, "t8": 10,
    },
    "mcm_phase3": {
        "t1": 10, "t2": 10, "t4": 10, "t6": 10, "t8": 10,
    },
    "sop_prim": {
        "t1": 8, "t3": 10, "t4": 8, "t7": 6, "t8": 5, "t9": 8, "t11": 8, "t15": 6, "t16": 5, "t17": 9, "t18": 8,
        "t20": 6, "t21": 5, "t22": 9, "t23": 6, "t25": 14,
    },
    "sop_sec": {
        "t1": 8, "t4": 7, "t8": 6, "t9": 5, "t10": 7, "t11": 7, "t13": 5, "t14": 5, "t15": 8, "t16": 5, "t18": 13,
    },
    "bop_prim": {
        "t1": 13, "t3": 13, "t4": 8, "t6": 6, "t7": 5, "t8": 9, "t10": 10, "t13": 6, "t14": 5, "t15": 10,
        "t16": 9, "t18": 6, "t19": 5, "t20": 10, "t21": 6, "t23": 14,
    },
    "bop_sec": {
        "t1": 7, "t4": 9, "t7": 5, "t8": 5, "t9": 9, "t10": 7, "t12": 5, "t13": 5, "t14": 8, "t15": 5, "t17": 11,
    },
    "hop_prim": {
        "t1": 10, "t3": 13, "t4": 13, "t5": 7, "t7": 5, "t8": 5, "t9": 8, "t11": 13, "t12": 6, "t14": 6, "t15": 13,
        "t16": 6, "t18": 6, "t19": 13, "t20": 7, "t21": 6, "t23": 6, "t24": 7, "t25": 6, "t27": 6, "t28": 7,
        "t29": 10, "t31": 8, "t32": 13, "t35": 5, "t36": 5, "t37": 13, "t38": 8, "t40": 7, "t41": 6, "t42": 5,
        "t43": 6, "t44": 5, "t45": 5, "t46": 7, "t47": 6, "t48": 5, "t49": 6, "t53": 7, "t54": 5, "t55": 7,
        "t56": 6, "t57": 5, "t58": 6, "t59": 5, "t60": 5, "t61": 7, "t62": 6, "t63": 5, "t64": 6, "t68": 8,
        "t69": 5, "t70": 7, "t71": 8, "t74": 6, "t75": 5, "t76": 8, "t77": 5, "t78": 13,
    },
    "hop_sec": {
        "t1": 7, "t4": 13, "t5": 5, "t7": 5, "t8": 13, "t9": 5, "t11": 6, "t12": 13, "t13": 6, "t14": 6, "t16": 5,
        "t17": 6, "t18": 6, "t20": 6, "t21": 6, "t22": 10, "t24": 7, "t25": 13, "t28": 5, "t29": 4, "t30": 13,
        "t31": 7, "t33": 5, "t34": 5, "t35": 6, "t36": 5, "t37": 5, "t38": 7, "t39": 5, "t40": 5, "t41": 6,
        "t45": 8, "t46": 5, "t47": 7, "t48": 5, "t49": 5, "t50": 5, "t51": 5, "t52": 5, "t53": 7, "t54": 5,
        "t55": 5, "t56": 6, "t60": 7, "t61": 5, "t62": 7, "t65": 5, "t66": 4, "t67": 8, "t68": 5, "t70": 13,
    },
    "eicci_Y": {
        "t1": 5, "t2": 5, "t4": 5, "t5": 5, "t7": 5, "t8": 5, "t9": 3, "t10": 5, "t11": 5, "t12": 5, "t14": 5,
        "t15": 5, "t16": 3, "t17": 5, "t18": 3, "t19": 3, "t21": 5,
    },
    "eicci_UV": {
        "t1": 5, "t2": 5, "t4": 5, "t5": 5, "t7": 6, "t8": 6, "t9": 4, "t10": 5, "t11": 5, "t12": 5, "t14": 5,
        "t15": 6, "t16": 4, "t17": 5, "t18": 5, "t19": 5, "t21": 5, "t22": 5, "t23": 3, "t24": 5, "t25": 6,
        "t26": 6, "t28": 5, "t29": 5, "t30": 3, "t31": 5, "t32": 4, "t33": 3, "t35": 5, "t36": 4, "t37": 3,
        "t39": 5,
    },
}  # fmt: skip

#: Range of the tensors of networks that are no part of a model.
_OTHER = 8


def input_range(name: str) -> int:
    """Return the range of an input of a network."""
    return INPUT_RANGES.get(name, _OTHER)


def tensor_range(network: str, tensor: str) -> int:
    """Return the range of a tensor of a network; `KeyError` where the table of a declared network lacks it."""
    table = RANGES.get(network)
    return _OTHER if table is None else table[tensor]
