"""Values of libtorch's operators, from Python torch: writes test/fixtures/operators.json.

    python scripts/fixtures_operators.py

A case is an operator of torch.ops.aten with arguments of every kind the border knows. Inputs are drawn once with a fixed seed; random
operators draw from torch.Generator().manual_seed(seed), or from torch's own generator where they take none.
"""

import base64
import json
import math
import pathlib

import torch

OUT = pathlib.Path(__file__).parent.parent / "test/fixtures/operators.json"
inf = float("inf")
draw = torch.Generator().manual_seed(7)


def normal(*shape, dtype=torch.float32):
    return torch.randn(*shape, generator=draw, dtype=torch.float64).to(dtype)


def uniform(*shape, low=0.0, high=1.0):
    return (torch.rand(*shape, generator=draw, dtype=torch.float64) * (high - low) + low).float()


def integers(high, *shape, dtype=torch.int64):
    return torch.randint(0, high, shape, generator=draw).to(dtype)


square = normal(4, 4)
A, B = normal(3, 4), normal(3, 4)
U = uniform(3, 4, low=0.05, high=0.95)  # inside (0, 1)
P = uniform(3, 4, low=1.1, high=4)  # above 1
S = square + 4 * torch.eye(4)
SPD = square @ square.T + torch.eye(4)
T = normal(5, 3)  # tall
V, W = normal(4), normal(4)
V3, W3 = normal(3), normal(3)
Q = normal(2, 3, 4)
R = normal(2, 4, 3)
D = normal(3, 4, dtype=torch.float64)
H = normal(3, 4, dtype=torch.bfloat16)
H16 = normal(3, 4, dtype=torch.float16)
I, J = integers(9, 3, 4), integers(9, 3, 4) + 1
I32 = integers(9, 3, 4, dtype=torch.int32)
U8 = integers(200, 3, 4, dtype=torch.uint8)
M, N = integers(2, 3, 4, dtype=torch.bool), integers(2, 3, 4, dtype=torch.bool)
C = torch.complex(normal(3, 4), normal(3, 4))
C1, C2 = torch.complex(normal(4), normal(4)), torch.complex(normal(4), normal(4))
rows, columns = torch.tensor([0, 2, 1]), torch.tensor([3, 0, 2])
gathered = integers(3, 3, 4)
X = normal(1, 2, 6, 6)  # an image
X1 = normal(1, 2, 8)
X3 = normal(1, 2, 4, 4, 4)
K1, K2, K3 = normal(3, 2, 3), normal(3, 2, 3, 3), normal(3, 2, 2, 2, 2)
B3 = normal(3)
query, key, value = normal(1, 2, 5, 4), normal(1, 2, 5, 4), normal(1, 2, 5, 4)
mask = integers(2, 5, 5, dtype=torch.bool) | torch.eye(5, dtype=torch.bool)
labels = torch.tensor([1, 0, 3])
sorted_values = torch.tensor([-1.0, -0.2, 0.3, 1.5])
nans = torch.tensor([[1.0, math.nan, 3.0], [math.nan, 2.0, -inf]])
polygamma_order = 2

cases = []


def case(op, *args, up_to_sign=False, **kwargs):
    cases.append((op, args, kwargs, up_to_sign))


def each(names, *args, **kwargs):
    for name in names.split():
        case(name, *args, **kwargs)


# pointwise
each(
    "abs absolute neg negative positive sign sgn signbit ceil floor round trunc fix frac square exp exp2 expm1 sin cos "
    "tan sinh cosh tanh asinh arcsinh atan arctan erf erfc relu relu6 sigmoid silu mish log_sigmoid hardswish "
    "hardsigmoid selu deg2rad rad2deg isfinite isinf isnan isreal isposinf isneginf logical_not nan_to_num special_i0 "
    "special_i0e special_i1 special_i1e special_erfcx special_ndtr special_expit sinc special_sinc i0",
    A,
)
each("asin arcsin acos arccos atanh arctanh erfinv logit special_logit special_ndtri special_entr special_log_ndtr", U)
each(
    "acosh arccosh sqrt rsqrt reciprocal log log2 log10 log1p lgamma digamma special_psi special_gammaln special_digamma "
    "special_bessel_j0 special_bessel_y0 special_modified_bessel_i0 special_modified_bessel_k0",
    P,
)
each("bitwise_not", I32)
each("real imag conj_physical angle resolve_conj view_as_real", C)
each("abs sqrt exp", C)
case("polygamma", polygamma_order, P)
case("mvlgamma", P, 1)
each("round", A * 10, decimals=1)
each("gelu", A, approximate="tanh")
each("gelu", A)
each("elu celu leaky_relu softplus softshrink hardshrink hardtanh", A)
case("elu", A, 0.5, 1, 2)
case("celu", A, alpha=0.7)
case("leaky_relu", A, 0.2)
case("softplus", A, beta=2, threshold=10)
case("hardtanh", A, -0.5, 0.5)
case("threshold", A, 0.1, -3)
case("prelu", A, V)
case("glu", A, 1)
case("clamp", A, -0.5, 0.5)
case("clamp", A, None, 0.5)
case("clamp", A, max=B.abs())
case("clip", A, min=0)
case("clamp_min", A, 0.1)
case("clamp_max", A, B)
case("nan_to_num", nans, nan=0.5, neginf=-9.0)
case("logit", U, 1e-3)

# pairs
each(
    "add sub mul div divide multiply subtract maximum minimum fmax fmin atan2 arctan2 hypot copysign logaddexp logaddexp2 "
    "true_divide nextafter heaviside fmod remainder eq ne lt le gt ge not_equal less less_equal greater greater_equal "
    "isclose",
    A,
    B,
)
each("add sub mul div pow eq ne lt le gt ge fmod remainder rsub floor_divide", P, 2)
each("add sub mul div", A, 0.5)
each("add mul", A, True)
case("add", I, 2)
case("add", I, 2.0)
case("add", I, 2.5)
case("add", A, B, alpha=2)
case("sub", I, J, alpha=3)
case("rsub", A, B)
case("mul", I, 9007199254740993)
case("div", A, B, rounding_mode="floor")
case("div", I, J, rounding_mode="trunc")
case("div", I, 2, rounding_mode=None)
case("floor_divide", I, J)
case("pow", P, A)
case("pow", 2, A)
case("float_power", A.abs(), 2)
case("float_power", P, B)
each("xlogy special_xlog1py special_xlogy", U, P)
case("special_zeta", P, P)
each("bitwise_and bitwise_or bitwise_xor", I, J)
each("bitwise_and bitwise_or bitwise_xor", I32, 5)
each("bitwise_left_shift bitwise_right_shift", I, 2)
each("gcd lcm", I, J)
each("logical_and logical_or logical_xor", M, N)
each("igamma igammac", P, P)
each("add mul", A, H)
each("add sub mul", H, H16)
each("add mul", C, A)
each("mul", U8, U8)
case("lerp", A, B, 0.3)
case("lerp", A, B, U)
case("addcmul", A, B, U, value=0.5)
case("addcdiv", A, B, P)
case("polar", P, A)
case("complex", A, B)
case("where", M, A, B)
case("where", M, A, 0.0)
case("where", M)
case("isclose", A, A + 1e-6, 1e-3, 1e-3, True)
case("allclose", A, A + 1e-7)
case("equal", A, B)
each("is_nonzero", torch.tensor([2.0]))
each("is_floating_point is_complex is_signed", I)
case("can_cast", torch.float64, torch.int32)
case("masked_fill", A, M, -inf)
case("masked_fill", A, M, torch.tensor(3.0))
case("masked_select", A, M)
case("masked_scatter", A, M, B)

# reductions
each(
    "sum mean prod max min amax amin argmax argmin all any std var median nanmedian nansum nanmean count_nonzero",
    A,
)
each(
    "sum mean prod max min argmax argmin median mode std var nansum cumsum cumprod cummax cummin logcumsumexp softmax "
    "log_softmax all any logsumexp amax amin count_nonzero std_mean var_mean",
    A, 1,
)
each("sum mean amax amin logsumexp std var nansum", A, [0, 1])
each("sum mean max min argmax std var all any prod median", A, 0, True)
case("sum", A, [], True)
case("sum", A, dim=1, keepdim=True, dtype=torch.float64)
case("sum", M)
case("sum", H, 1)
case("mean", I, dtype=torch.float32)
case("std", A, 1, correction=0)
case("var", A, [0, 1], correction=2, keepdim=True)
case("std", A, 1, False)
case("aminmax", A, dim=1)
case("norm", A)
case("norm", A, 1)
case("norm", A, 2, [1], True)
case("linalg_vector_norm", A, 3, 1)
case("linalg_vector_norm", A, inf, [0, 1])
case("dist", A, B, 2)
case("nanquantile", nans, 0.5, 1, interpolation="lower")
case("quantile", A, 0.3)
case("quantile", A, torch.tensor([0.1, 0.9]), 1, True)
case("kthvalue", A, 2)
case("topk", A, 2)
case("topk", A, 2, dim=0, largest=False)
case("sort", A, 0, True)
case("sort", I, stable=True, dim=1, descending=False)
case("argsort", A)
case("argsort", I, stable=True, dim=0)
case("msort", A)
case("unique_dim", I, 0)
case("unique_consecutive", I.flatten(), return_inverse=True, return_counts=True)
case("bincount", I.flatten(), minlength=12)
case("histc", A, 4, -2, 2)
case("histogram", A, 4, range=[-2.0, 2.0])
case("histogramdd", A, [2, 2, 2, 2])
case("cumsum", I, 0, dtype=torch.float64)
case("diff", A, 1, 1)
case("trapezoid", A, dim=1)
case("trapz", A, dx=0.5)
case("cumulative_trapezoid", A)
case("gradient", V, spacing=0.5)
case("gradient", A, spacing=[0.5, 2])
case("cov", A)
case("corrcoef", A)
case("softmax", H, -1, torch.float32)
case("trace", square)
case("renorm", A, 2, 0, 0.5)

# shapes
case("reshape", A, [2, -1])
case("view", A, [4, 3])
case("view", A, torch.int32)
case("flatten", Q)
case("flatten", Q, 1)
case("unflatten", A, 1, [2, 2])
case("permute", Q, [2, 0, 1])
case("transpose", Q, 0, -1)
each("t", A)
each("numpy_T", A)
case("mT", Q)
case("movedim", Q, 0, 2)
case("moveaxis", Q, [0, 1], [1, 0])
case("swapaxes", Q, 0, 1)
case("squeeze", X)
case("squeeze", X, 0)
case("squeeze", X, [0, 1])
case("unsqueeze", A, 0)
case("expand", V, [3, 4])
case("expand_as", V, A)
case("broadcast_to", V, [3, 4])
case("broadcast_tensors", [V, A])
case("repeat", A, [2, 1])
case("tile", A, [2])
case("repeat_interleave", A, 2)
case("repeat_interleave", A, torch.tensor([1, 2, 0]), 0)
case("flip", A, [0, 1])
each("fliplr flipud rot90", A)
case("roll", A, 1, 1)
case("roll", A, [1, 2], [0, 1])
case("cat", [A, B], 1)
case("concat", [A, B])
case("stack", [A, B], dim=2)
each(
    "hstack vstack dstack column_stack block_diag",
    [A, B],
)
case("cartesian_prod", [V, W3])
case("meshgrid", [V, W3], indexing="ij")
case("split", A, 2, 1)
case("split", A, [1, 3], 1)
case("split_with_sizes", A, [1, 2])
case("chunk", A, 2, 1)
case("tensor_split", A, 3)
case("tensor_split", A, [1, 2], 1)
case("hsplit", A, 2)
case("unbind", A)
case("unfold", V, 0, 2, 1)
case("narrow", A, 1, 1, 2)
case("select", A, 0, 1)
case("slice", A, 1, 1, None, 2)
case("slice", A, dim=1, end=3)
case("diagonal", square, 1)
case("diag", V)
case("diag_embed", A)
case("diagflat", V, -1)
each("tril triu", A)
case("triu", A, 1)
case("atleast_2d", V)
case("constant_pad_nd", A, [1, 0, 0, 1], 0.5)
case("pad", A, [1, 1], "constant", 2.0)
case("pad", X, [1, 1, 2, 0], mode="reflect")
case("as_strided", A, [2, 2], [1, 2], 1)
case("size", A, 1)
case("stride", A, 0)
case("combinations", V, 2)
case("vander", V3, 3, increasing=True)
case("contiguous", Q.mT, memory_format=torch.contiguous_format)
case("clone", A, memory_format=torch.preserve_format)
case("view_as_complex", normal(3, 2))

# dtypes and creation
case("to", A, torch.float64)
case("to", A, dtype=torch.bfloat16)
case("to", H, torch.float16, copy=True)
case("to", A, torch.complex64)
case("to", A, torch.float8_e4m3fn)
case("to", I, torch.uint16)
case("type_as", A, D)
case("zeros", [2, 3])
case("zeros", [2], dtype=torch.int64)
case("ones", [2, 2], dtype=torch.bool)
case("full", [2, 2], 1.5)
case("full", [2], 3, dtype=torch.uint8)
case("full", [2], 3)
case("full", [2], 3.0)
case("zeros", [2], dtype=torch.float64, layout=torch.strided, device=torch.device("cpu"), pin_memory=False)
case("zeros_like", A)
case("ones_like", I, dtype=torch.float32)
case("full_like", A, 2)
case("new_full", A, [2], 7, dtype=torch.int16)
case("new_zeros", A, [2, 2])
case("arange", 5)
case("arange", 1, 2, 0.25)
case("arange", 1, 7, dtype=torch.float64)
case("linspace", -1, 1, 5)
case("logspace", 0, 2, 3, 10)
case("eye", 3)
case("eye", 2, 3, dtype=torch.int32)
case("scalar_tensor", 4, dtype=torch.float64)
each("hann_window hamming_window blackman_window bartlett_window", 6)
case("kaiser_window", 6, False, 12.0)
case("tril_indices", 3, 3)
case("triu_indices", 3, 4, 1)

# indexing
case("index", A, [rows, columns])
case("index", A, [None, columns])
case("index", A, [M])
case("index_put", A, [rows, columns], W3)
case("index_put", A, [None, columns], torch.tensor(1.0), True)
case("index_select", A, 1, columns)
case("index_add", A, 0, rows, B, alpha=2)
case("index_copy", A, 0, rows, B)
case("index_fill", A, 1, columns, 0.5)
case("gather", A, 0, gathered)
case("scatter", A, 0, gathered, B)
case("scatter", A, 0, gathered, 2.5)
case("scatter_add", A, 0, gathered, B)
case("scatter_reduce", A, 0, gathered, B, "prod")
case("take", A, torch.tensor([0, 5, 11]))
case("take_along_dim", A, gathered, 0)
case("put", A, torch.tensor([0, 5]), torch.tensor([9.0, 8.0]))
case("select_scatter", A, V, 0, 1)
case("slice_scatter", A, B[:, :2], 1, 0, 4, 2)
case("diagonal_scatter", square, V)
case("nonzero", M)
case("argwhere", M)
case("searchsorted", sorted_values, A)
case("searchsorted", sorted_values, 0.4, right=True)
case("bucketize", A, sorted_values, out_int32=True)
case("isin", I, torch.tensor([1, 3]))
case("isin", I, 3, invert=True)
case("one_hot", labels, 4)
case("embedding", A, rows, -1)
case("fill", A, 3)

# products
case("mm", A, B.mT)
case("bmm", Q, R)
case("matmul", Q, R)
case("mv", A, V)
case("dot", V, W)
case("vdot", C1, C2)
case("inner", A, B)
case("outer", V, W3)
case("ger", V, W)
case("kron", A, torch.eye(2))
case("cross", normal(3, 3), normal(3, 3), 1)
case("linalg_cross", normal(3, 3), normal(3, 3))
case("addmm", V3, A, B.mT, beta=0.5, alpha=2)
case("addmv", V3, A, V, beta=2)
case("addr", A, V3, W)
case("baddbmm", normal(2, 3, 3), Q, R)
case("addbmm", normal(3, 3), Q, R, alpha=0.5)
case("tensordot", A, B, [1], [1])
case("einsum", "ij,kj->ik", [A, B])
case("linear", A, B, V3)
case("linear", A, B)
case("bilinear", A, B, normal(2, 4, 4), normal(2))
case("linalg_multi_dot", [A, B.mT, A])
case("cdist", A, B)
case("pdist", A, 1.0)
case("cosine_similarity", A, B)
case("pairwise_distance", A, B, 1.0, 1e-6, True)

# linear algebra
each("linalg_det linalg_slogdet linalg_inv linalg_matrix_exp linalg_eigvalsh det logdet slogdet inverse matrix_exp", SPD)
case("linalg_cholesky", SPD)
case("linalg_cholesky", SPD, upper=True)
case("cholesky_inverse", torch.linalg.cholesky(SPD))
case("cholesky_solve", V[:, None], torch.linalg.cholesky(SPD))
case("linalg_svdvals", A)
case("linalg_svd", A, False, up_to_sign=True)
case("linalg_qr", T, up_to_sign=True)
case("linalg_eigh", SPD, "U", up_to_sign=True)
case("linalg_eigvals", SPD)
case("linalg_solve", S, V)
case("linalg_solve_triangular", torch.triu(S), V[:, None], upper=True)
case("linalg_lstsq", T, normal(5, 2))
case("linalg_lu", S)
case("linalg_lu_factor", S)
case("linalg_lu_solve", *torch.linalg.lu_factor(S), V[:, None])
case("linalg_ldl_factor", SPD)
case("linalg_pinv", T, rtol=1e-6)
case("linalg_pinv", T)
case("pinverse", T)
case("linalg_matrix_rank", SPD)
case("linalg_matrix_norm", A)
case("linalg_matrix_norm", A, 1, [0, 1], True)
case("linalg_norm", A, "nuc")
case("linalg_norm", A, 2)
case("linalg_cond", S)
case("linalg_cond", S, "fro")
case("linalg_matrix_power", S, 3)
case("matrix_power", S, -1)
case("linalg_vander", V3, N=3)
case("linalg_vecdot", A, B)
case("linalg_diagonal", square)
case("linalg_householder_product", *torch.geqrf(T))
case("linalg_tensorinv", torch.eye(4).reshape(2, 2, 4) + 0.1, 2)
case("linalg_inv_ex", S, check_errors=True)

# Fourier transforms
each(
    "fft_fft fft_ifft fft_rfft fft_ihfft fft_fft2 fft_ifft2 fft_rfft2 fft_fftn fft_ifftn fft_rfftn fft_fftshift "
    "fft_ifftshift",
    A,
)
each("fft_irfft fft_hfft fft_irfft2 fft_irfftn fft_hfft2", C)
case("fft_fft", C, 6, 1, "ortho")
case("fft_fft", A, norm="forward")
case("fft_rfftn", Q, [4, 2], [0, 2])
case("fft_irfft", C, n=7)
case("fft_fftfreq", 6, 0.5)
case("fft_rfftfreq", 6)
case("fft_fftshift", A, 1)
case("stft", V.repeat(8), 8, 4, None, torch.hann_window(8), False, True, True)
case("istft", torch.stft(V.repeat(8), 8, 4, window=torch.hann_window(8), return_complex=True), 8, 4, window=torch.hann_window(8))

# networks
case("conv1d", X1, K1, B3)
case("conv1d", X1, K1, None, 2, 1)
case("conv2d", X, K2, B3, [2, 1], [1, 1])
case("conv2d", X, K2, padding="same")
case("conv2d", X, normal(2, 1, 3, 3), groups=2, dilation=[2, 2])
case("conv3d", X3, K3)
case("conv_transpose1d", X1, normal(2, 3, 3))
case("conv_transpose2d", X, normal(2, 3, 2, 2), B3, 2)
case("convolution", X, K2, None, [1, 1], [0, 0], [1, 1], False, [0, 0], 1)
case("convolution_backward", normal(1, 3, 4, 4), X, K2, [3], [1, 1], [0, 0], [1, 1], False, [0, 0], 1, [False, True, True])
case("conv_tbc", normal(5, 1, 2), normal(3, 2, 4), V, 1)
case("max_pool1d", X1, 2)
case("max_pool2d", X, 2)
case("max_pool2d", X, [3, 2], [2, 2], [1, 1], [1, 1], True)
case("max_pool2d_with_indices", X, 2)
case("max_pool3d", X3, 2)
case("avg_pool1d", X1, 2)
case("avg_pool2d", X, [2, 2], [1, 1], 0, False, True, 3)
case("avg_pool3d", X3, [2, 2, 2])
case("adaptive_avg_pool2d", X, [2, 3])
case("adaptive_avg_pool1d", X1, 3)
case("adaptive_max_pool2d", X, [2, 2])
case("layer_norm", A, [4], V, W, 1e-5)
case("layer_norm", A, [4])
case("native_layer_norm", A, [4], None, None, 1e-5)
case("rms_norm", A, [4], V)
case("group_norm", X, 2)
case("batch_norm", X, None, None, None, None, True, 0.1, 1e-5, False)
case("instance_norm", X, None, None, None, None, True, 0.1, 1e-5, False)
case("scaled_dot_product_attention", query, key, value)
case("scaled_dot_product_attention", query, key, value, mask)
case("scaled_dot_product_attention", query, key, value, is_causal=True, scale=0.3)
case("dropout", A, 0.5, False)
case("pixel_shuffle", normal(1, 4, 2, 2), 2)
case("pixel_unshuffle", X, 2)
case("channel_shuffle", X, 2)
case("upsample_nearest2d", X, [9, 9])
case("upsample_bilinear2d", X, [4, 5], False)
case("upsample_bicubic2d", X, None, True, [1.5, 2.0])
case("grid_sampler", X, uniform(1, 3, 3, 2, low=-1, high=1), 0, 0, False)
case("affine_grid_generator", normal(1, 2, 3), [1, 2, 3, 3], True)
case("im2col", X, [2, 2], [1, 1], [0, 0], [2, 2])
case("col2im", normal(1, 8, 9), [6, 6], [2, 2], [1, 1], [0, 0], [2, 2])
case("mse_loss", A, B)
case("l1_loss", A, B, 2)
case("smooth_l1_loss", A, B, beta=0.5)
case("huber_loss", A, B, 0, 0.7)
case("binary_cross_entropy", U, U.flip(0))
case("binary_cross_entropy_with_logits", A, U, None, V.abs())
case("cross_entropy_loss", A, labels)
case("cross_entropy_loss", A, labels, V.abs(), 1, 0, 0.1)
case("nll_loss", torch.log_softmax(A, 1), labels)
case("kl_div", U.log(), U, log_target=False)
case("cosine_embedding_loss", A, B, torch.tensor([1, -1, 1]))
case("margin_ranking_loss", V, W, torch.tensor([1, -1, 1, 1]), 0.2)
case("triplet_margin_loss", A, B, U)
case("hinge_embedding_loss", A, torch.where(M, 1, -1))
case("soft_margin_loss", A, torch.where(M, 1.0, -1.0))
case("poisson_nll_loss", A, P, True, False, 1e-8, 1)
case("gru_cell", A, normal(3, 2), normal(6, 4), normal(6, 2))
case("lstm_cell", A, [normal(3, 2), normal(3, 2)], normal(8, 4), normal(8, 2))
case("rnn_tanh_cell", A, normal(3, 2), normal(2, 4), normal(2, 2))
case("lstm", normal(3, 1, 4), [normal(1, 1, 2), normal(1, 1, 2)], [normal(8, 4), normal(8, 2)], False, 1, 0.0, False, False, False)
case("embedding_bag", A, rows, torch.tensor([0, 2]))
case("pad_sequence", [V, W3], True, 0.5)
case("log_softmax", A, -1, torch.float64)
case("fake_quantize_per_tensor_affine", A, 0.1, 0, -8, 7)

# random, seeded
case("rand", [3, 4], seed=1)
case("rand", [2], dtype=torch.float64, seed=2)
case("randn", [3, 7], seed=3)
case("randn", [2, 2], dtype=torch.complex64, seed=3)
case("randint", 10, [5], seed=4)
case("randint", -5, 5, [5], dtype=torch.int32, seed=5)
case("randperm", 9, seed=6)
case("rand_like", A, seed=7)
case("randn_like", A, dtype=torch.float64, seed=8)
case("randint_like", A, 3, 9, seed=9)
case("bernoulli", U, seed=10)
case("bernoulli", U, 0.3, seed=10)
case("multinomial", U, 2, seed=11)
case("multinomial", U, 6, True, seed=12)
case("normal", A, 0.5, seed=13)
case("normal", A, P, seed=13)
case("normal", 0.0, 2.0, [4], seed=14)
case("poisson", P, seed=15)
case("binomial", torch.full([4], 9.0), torch.full([4], 0.4), seed=16)
case("dropout", A, 0.5, True, seed=17)
case("native_dropout", A, 0.25, True, seed=18)
case("alpha_dropout", A, 0.5, True, seed=19)
case("rrelu", A, training=True, seed=20)
case("uniform", A, -1, 1, seed=21)
case("exponential", A, 2, seed=22)
case("cauchy", A, seed=23)
case("log_normal", A, 1, 0.5, seed=24)
case("geometric", A, 0.4, seed=25)
case("random", A, 10, seed=26)
case("scaled_dot_product_attention", query, key, value, None, 0.5, seed=27)
case("rand", [2], seed=2**40 + 5)


def encoded(value):
    if isinstance(value, torch.Tensor):
        raw = value.detach().resolve_conj().resolve_neg().contiguous()
        text = base64.b64encode(bytes(raw.flatten().view(torch.uint8).numpy())).decode() if raw.numel() else ""
        return {"dtype": str(value.dtype).removeprefix("torch."), "shape": list(value.shape), "data": text}
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, int):
        return value if abs(value) < 2**53 else {"int": str(value)}
    if isinstance(value, float):
        return value if math.isfinite(value) and not value.is_integer() else {"float": str(value)}
    if isinstance(value, torch.dtype):
        return str(value).removeprefix("torch.")
    if isinstance(value, torch.layout):
        return str(value).removeprefix("torch.")
    if isinstance(value, torch.device):
        return str(value)
    if isinstance(value, torch.memory_format):
        return {torch.contiguous_format: "contiguous", torch.preserve_format: "preserve"}[value]
    return [encoded(element) for element in value]


pool = []


def argument(value):
    """As encoded, with tensors by their place in the pool."""
    if isinstance(value, torch.Tensor):
        for index, known in enumerate(pool):
            if known is value:
                return {"tensor": index}
        pool.append(value)
        return {"tensor": len(pool) - 1}
    return [argument(element) for element in value] if isinstance(value, (list, tuple)) else encoded(value)


def computed(op, args, kwargs):
    kwargs = dict(kwargs)
    seed = kwargs.pop("seed", None)
    function = getattr(torch.ops.aten, op)
    if seed is None and any(type(value) is int for value in args) and op != "stft":
        # torch's own functions take `1` for `int[1]`, the door of torch.ops does not everywhere
        function = getattr(torch, op, None) or getattr(torch.Tensor, op, function)
    if seed is None:
        return function(*args, **kwargs)
    try:
        return function(*args, **kwargs, generator=torch.Generator().manual_seed(seed))
    except (RuntimeError, TypeError):
        torch.manual_seed(seed)
        return function(*args, **kwargs)


table = []
for op, args, kwargs, up_to_sign in cases:
    result = computed(op, args, kwargs)
    table.append({
        "op": op,
        "args": [argument(value) for value in args],
        "kwargs": {name: argument(value) for name, value in kwargs.items()},
        "result": encoded(result),
        **({"upToSign": True} if up_to_sign else {}),
    })

# gradients of a small network, and of their own square
x, w1, b1, w2, b2 = normal(5, 4), normal(6, 4), normal(6), normal(3, 6), normal(3)
targets = torch.tensor([0, 2, 1, 1, 0])
parameters = [parameter.clone().requires_grad_() for parameter in (w1, b1, w2, b2)]
hidden = torch.tanh(torch.nn.functional.linear(x, parameters[0], parameters[1]))
loss = torch.nn.functional.cross_entropy(torch.nn.functional.linear(hidden, parameters[2], parameters[3]), targets)
gradients = torch.autograd.grad(loss, parameters, create_graph=True)
penalty = sum(gradient.square().sum() for gradient in gradients)
mlp = {
    "inputs": [encoded(tensor) for tensor in (x, targets, w1, b1, w2, b2)],
    "loss": encoded(loss),
    "gradients": [encoded(gradient) for gradient in gradients],
    "penaltyGradients": [encoded(gradient) for gradient in torch.autograd.grad(penalty, parameters)],
}

lines = ",\n".join(json.dumps(row, separators=(",", ":")) for row in table)
tensors = ",\n".join(json.dumps(encoded(tensor), separators=(",", ":")) for tensor in pool)
OUT.write_text(f'{{"torch":"{torch.__version__}","tensors":[\n{tensors}\n],"cases":[\n{lines}\n],"mlp":{json.dumps(mlp)}}}\n')
print(f"{len(table)} cases of {len({row['op'] for row in table})} operators, {OUT.stat().st_size / 1024:.0f} KB")
