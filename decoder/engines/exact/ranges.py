"""The ranges of the fixed-point tensors of every network: the one table of the exact engine.

A tensor of range r holds integers of magnitude below 2^(r + 16), which stand for numbers below 2^r. The ranges are at
least eight times the largest value that the test material has there, and 2^13 where the built-in analytic models carry
constants of 4096 (chapter 21). Tensors that are not listed have the range that follows from what they are made of: a
clip, a part, or another order of values.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["INPUT_RANGES", "RANGES"]

#: Ranges of what networks are given, by the name of the input.
INPUT_RANGES: Mapping[str, int] = {
    "z_hat": 5,
    "psi_slice": 9,
    "prev": 13,
    "y_hat": 13,
    "y_hat_cat": 13,
    "yuv16": 6,
}

#: Ranges of the tensors that networks make, by network and by the name of the tensor in its declaration.
RANGES: Mapping[str, Mapping[str, int]] = {
    "hyper_decoder_Y": {
        "t1": 8, "t2": 8, "t5": 8, "t7": 9,
    },
    "hyper_decoder_UV": {
        "t1": 8, "t2": 8, "t5": 8, "t7": 9,
    },
    "mcm_phase0": {
        "t1": 7, "t3": 7, "t5": 8,
    },
    "mcm_phase1": {
        "t1": 11, "t2": 11, "t4": 11, "t6": 11, "t8": 11,
    },
    "mcm_phase2": {
        "t1": 11, "t2": 11, "t4": 11, "t6": 11, "t8": 11,
    },
    "mcm_phase3": {
        "t1": 11, "t2": 11, "t4": 11, "t6": 11, "t8": 11,
    },
    "sop_prim": {
        "t1": 9, "t3": 11, "t4": 9, "t7": 7, "t8": 5, "t9": 9, "t11": 9, "t15": 7, "t16": 5, "t17": 10, "t18": 9,
        "t20": 7, "t21": 5, "t22": 10, "t23": 7, "t25": 14,
    },
    "sop_sec": {
        "t1": 9, "t4": 8, "t8": 7, "t9": 5, "t10": 8, "t11": 8, "t13": 6, "t14": 5, "t15": 9, "t16": 5, "t18": 13,
    },
    "bop_prim": {
        "t1": 13, "t3": 13, "t4": 9, "t6": 7, "t7": 5, "t8": 10, "t10": 11, "t13": 7, "t14": 6, "t15": 11,
        "t16": 10, "t18": 7, "t19": 6, "t20": 11, "t21": 7, "t23": 14,
    },
    "bop_sec": {
        "t1": 8, "t4": 10, "t7": 6, "t8": 5, "t9": 10, "t10": 8, "t12": 6, "t13": 5, "t14": 9, "t15": 5, "t17": 12,
    },
    "hop_prim": {
        "t1": 11, "t3": 13, "t4": 13, "t5": 8, "t7": 6, "t8": 5, "t9": 9, "t11": 13, "t12": 7, "t14": 7, "t15": 13,
        "t16": 7, "t18": 7, "t19": 13, "t20": 8, "t21": 7, "t23": 7, "t24": 8, "t25": 7, "t27": 7, "t28": 8,
        "t29": 10, "t31": 9, "t32": 13, "t35": 6, "t36": 5, "t37": 13, "t38": 9, "t40": 8, "t41": 7, "t42": 6,
        "t43": 7, "t44": 6, "t45": 6, "t46": 8, "t47": 7, "t48": 6, "t49": 7, "t53": 8, "t54": 6, "t55": 8,
        "t56": 7, "t57": 6, "t58": 7, "t59": 5, "t60": 6, "t61": 8, "t62": 7, "t63": 6, "t64": 7, "t68": 9,
        "t69": 6, "t70": 8, "t71": 9, "t74": 7, "t75": 5, "t76": 9, "t77": 5, "t78": 13,
    },
    "hop_sec": {
        "t1": 8, "t4": 13, "t5": 6, "t7": 6, "t8": 13, "t9": 6, "t11": 7, "t12": 13, "t13": 7, "t14": 7, "t16": 6,
        "t17": 7, "t18": 7, "t20": 7, "t21": 7, "t22": 10, "t24": 8, "t25": 13, "t28": 6, "t29": 4, "t30": 13,
        "t31": 8, "t33": 6, "t34": 6, "t35": 7, "t36": 6, "t37": 6, "t38": 8, "t39": 6, "t40": 6, "t41": 7,
        "t45": 9, "t46": 6, "t47": 8, "t48": 6, "t49": 6, "t50": 6, "t51": 5, "t52": 5, "t53": 8, "t54": 6,
        "t55": 6, "t56": 7, "t60": 8, "t61": 6, "t62": 8, "t65": 6, "t66": 4, "t67": 9, "t68": 5, "t70": 13,
    },
    "eicci_Y": {
        "t1": 6, "t2": 6, "t4": 6, "t5": 6, "t7": 5, "t8": 6, "t9": 3, "t10": 6, "t11": 5, "t12": 6, "t14": 6,
        "t15": 6, "t16": 3, "t17": 6, "t18": 3, "t19": 3, "t21": 6,
    },
    "eicci_UV": {
        "t1": 6, "t2": 6, "t4": 6, "t5": 6, "t7": 7, "t8": 7, "t9": 4, "t10": 6, "t11": 6, "t12": 6, "t14": 6,
        "t15": 7, "t16": 4, "t17": 6, "t18": 6, "t19": 6, "t21": 6, "t22": 6, "t23": 3, "t24": 6, "t25": 7,
        "t26": 7, "t28": 6, "t29": 6, "t30": 3, "t31": 6, "t32": 4, "t33": 3, "t35": 6, "t36": 4, "t37": 3,
        "t39": 6,
    },
}  # fmt: skip
