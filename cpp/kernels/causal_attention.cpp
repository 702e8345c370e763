#include "kernels/causal_attention.h"

#include <torch/csrc/autograd/custom_function.h>

#include <cmath>
#include <limits>
#include <vector>

#include "kernels/clones.h"
#include "kernels/exponential.h"
#include "kernels/fused.h"
#include "kernels/product.h"
#include "kernels/vectors.h"

namespace frankentorch {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr int64_t kQueries = 32;    // whose scores are held at a time
constexpr int64_t kMostWidth = 64;  // beyond it a BLAS makes up for the copies of its operands

// One query head over the keys of its kv head.
template <class Number>
struct Head {
  int64_t tokens, keys, width, columns;  // columns: the keys in whole vectors
  Number scale;                          // 1 / √width
  Rows<const Number> q, k, v;            // [tokens, width], [keys, width]
  const Number *k_across, *v_across;     // [width, columns]
  Number *scores, *others;               // room for [kQueries, columns] each
  Number* log_sums;                      // [tokens]

  int64_t seen_by(int64_t query) const { return keys - tokens + query + 1; }
};

template <class Number>
[[gnu::always_inline]] inline Rows<const Number> from(Rows<const Number> rows, int64_t row) {
  return {rows.data + row * rows.stride, rows.stride};
}

template <class Number>
[[gnu::always_inline]] inline Strided<Number> as_factor(Rows<const Number> rows) {
  return {rows.data, rows.stride, 1};
}

// products[i, j] = a[i] · b[j]; b turned across, `columns` of them
template <class Number>
[[gnu::always_inline]] inline void multiply(const Head<Number>& head, Rows<const Number> a, const Number* b,
                                            int64_t queries, int64_t columns, Number* products) {
  std::fill_n(products, queries * head.columns, Number(0));
  add_product<Number>(as_factor(a), {b, head.columns}, queries, head.width, columns, {products, head.columns});
}

template <class Number>
[[gnu::always_inline]] inline Number largest(const Number* x, int64_t columns) {
  constexpr int64_t kLanes = Vector<Number>::lanes;
  Number lanes[kLanes];
  std::copy_n(x, kLanes, lanes);
  for (int64_t first = kLanes; first < columns; first += kLanes)
#pragma omp simd
    for (int64_t i = 0; i < kLanes; ++i) lanes[i] = lanes[i] > x[first + i] ? lanes[i] : x[first + i];
  return largest_of<kLanes>(lanes);
}

// x = exp(scale · x − subtracted). Returns the sum.
template <class Number>
[[gnu::always_inline]] inline Number exponentials(Number* x, int64_t columns, Number scale, Number subtracted) {
  constexpr int64_t kLanes = Vector<Number>::lanes;
  Number lanes[kLanes] = {};
  for (int64_t first = 0; first < columns; first += kLanes)
#pragma omp simd
    for (int64_t i = 0; i < kLanes; ++i) {
      x[first + i] = exponential(scale * x[first + i] - subtracted);
      lanes[i] += x[first + i];
    }
  return sum_of<kLanes>(lanes);
}

template <class Number>
[[gnu::always_inline]] inline void forward(const Head<Number>& head, Rows<Number> y) {
  for (int64_t first = 0; first < head.tokens; first += kQueries) {
    const int64_t queries = std::min(kQueries, head.tokens - first);
    const int64_t columns = whole_vectors<Number>(head.seen_by(first + queries - 1));
    multiply(head, from(head.q, first), head.k_across, queries, columns, head.scores);
    for (int64_t i = 0; i < queries; ++i) {
      Number* scores = head.scores + i * head.columns;
      const int64_t seen = head.seen_by(first + i);
      std::fill(scores + seen, scores + columns, -std::numeric_limits<Number>::infinity());
      const Number highest = head.scale * largest(scores, columns);
      const Number sum = exponentials(scores, columns, head.scale, highest);
      std::fill(scores + seen, scores + columns, Number(0));
      head.log_sums[first + i] = highest + std::log(sum);
      Number* into = y.data + (first + i) * y.stride;
      std::fill_n(into, head.width, Number(0));
#pragma omp simd
      for (int64_t j = 0; j < columns; ++j) scores[j] /= sum;
    }
    add_product<Number>({head.scores, head.columns, 1}, head.v, queries, head.seen_by(first + queries - 1), head.width,
                        {y.data + first * y.stride, y.stride});
  }
}

// With p the weights and s the scaled scores: to_v = pᵀ · g, to_s = p ∘ (g · vᵀ − (g · y)), to_q = to_s · k / √width,
// to_k = to_sᵀ · q / √width. The gradients of k and v are added to what is there, those of q must be zeros.
template <class Number>
[[gnu::always_inline]] inline void backward(const Head<Number>& head, Rows<const Number> y, Rows<const Number> gradient,
                                            Rows<Number> to_q, Rows<Number> to_k, Rows<Number> to_v) {
  for (int64_t first = 0; first < head.tokens; first += kQueries) {
    const int64_t queries = std::min(kQueries, head.tokens - first);
    const int64_t seen_by_all = head.seen_by(first + queries - 1), columns = whole_vectors<Number>(seen_by_all);
    const Rows<const Number> g = from(gradient, first), q = from(head.q, first);
    multiply(head, q, head.k_across, queries, columns, head.scores);
    multiply(head, g, head.v_across, queries, columns, head.others);
    for (int64_t i = 0; i < queries; ++i) {
      Number *weights = head.scores + i * head.columns, *to_scores = head.others + i * head.columns;
      exponentials(weights, columns, head.scale, head.log_sums[first + i]);
      const int64_t seen = head.seen_by(first + i);
      std::fill(weights + seen, weights + columns, Number(0));
      const Number along = dot(g.data + i * g.stride, y.data + (first + i) * y.stride, head.width);
#pragma omp simd
      for (int64_t j = 0; j < columns; ++j) to_scores[j] = weights[j] * (to_scores[j] - along) * head.scale;
    }
    add_product<Number>({head.others, head.columns, 1}, head.k, queries, seen_by_all, head.width,
                        {to_q.data + first * to_q.stride, to_q.stride});
    add_product<Number>({head.others, 1, head.columns}, q, seen_by_all, queries, head.width, to_k);
    add_product<Number>({head.scores, 1, head.columns}, g, seen_by_all, queries, head.width, to_v);
  }
}

// target_clones takes no templates.
#define FRANKENTORCH_EACH_REAL(Number)                                                                      \
  FRANKENTORCH_CLONES void run(const Head<Number>& head, Rows<Number> y) { forward(head, y); }              \
  FRANKENTORCH_CLONES void run(const Head<Number>& head, Rows<const Number> y, Rows<const Number> gradient, \
                               Rows<Number> to_q, Rows<Number> to_k, Rows<Number> to_v) {                   \
    backward(head, y, gradient, to_q, to_k, to_v);                                                          \
  }
FRANKENTORCH_EACH_REAL(float)
FRANKENTORCH_EACH_REAL(double)
#undef FRANKENTORCH_EACH_REAL

template <class Number>
Rows<const Number> rows_of(const at::Tensor& x, int64_t row, int64_t head) {
  return {x.const_data_ptr<Number>() + row * x.stride(0) + head * x.stride(1), x.stride(2)};
}

template <class Number>
Rows<Number> writable(at::Tensor& x, int64_t row, int64_t head) {
  return {x.mutable_data_ptr<Number>() + row * x.stride(0) + head * x.stride(1), x.stride(2)};
}

// `work(head, row, query head, kv head)` for all query heads, those of one kv head one after another on one thread.
template <class Number, class Work>
void over_heads(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, at::Tensor& log_sums, bool turn_values,
                Work work) {
  const int64_t heads = q.size(1), kv_heads = k.size(1), each = heads / kv_heads;
  const int64_t tokens = q.size(2), keys = k.size(2), width = q.size(3), columns = whole_vectors<Number>(keys);
  at::parallel_for(0, q.size(0) * kv_heads, 1, [&](int64_t begin, int64_t end) {
    std::vector<Number> room(2 * (width + kQueries) * columns);
    Number *k_across = room.data(), *v_across = k_across + width * columns, *scores = v_across + width * columns;
    for (int64_t place = begin; place < end; ++place) {
      const int64_t row = place / kv_heads, kv_head = place % kv_heads;
      Head<Number> head{tokens,
                        keys,
                        width,
                        columns,
                        1 / std::sqrt(static_cast<Number>(width)),
                        {},
                        rows_of<Number>(k, row, kv_head),
                        rows_of<Number>(v, row, kv_head),
                        k_across,
                        v_across,
                        scores,
                        scores + kQueries * columns,
                        nullptr};
      turn_across(head.k.data, head.k.stride, keys, width, columns, k_across);
      if (turn_values) turn_across(head.v.data, head.v.stride, keys, width, columns, v_across);
      for (int64_t h = kv_head * each; h < (kv_head + 1) * each; ++h) {
        head.q = rows_of<Number>(q, row, h);
        head.log_sums = log_sums.mutable_data_ptr<Number>() + (row * heads + h) * tokens;
        work(head, row, h, kv_head);
      }
    }
  });
}

// Memory for a tensor like x in the order [rows, tokens, heads, width], in which projections follow.
at::Tensor token_by_token(const at::Tensor& x, bool zeros) {
  const std::vector<int64_t> sizes{x.size(0), x.size(2), x.size(1), x.size(3)};
  return (zeros ? at::zeros(sizes, x.options()) : at::empty(sizes, x.options())).transpose(1, 2);
}

class CausalAttention : public torch::autograd::Function<CausalAttention> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& given_q, const at::Tensor& given_k,
                            const at::Tensor& given_v) {
    const at::Tensor q = rows_in_place(given_q), k = rows_in_place(given_k), v = rows_in_place(given_v);
    at::Tensor y = token_by_token(q, /*zeros=*/false);
    at::Tensor log_sums = at::empty({q.size(0), q.size(1), q.size(2)}, q.options());
    for_dtype(q.scalar_type(), [&](auto zero) {
      using T = decltype(zero);
      over_heads<T>(q, k, v, log_sums, /*turn_values=*/false,
                    [&](const Head<T>& head, int64_t row, int64_t h, int64_t) { run(head, writable<T>(y, row, h)); });
    });
    context->save_for_backward({q, k, v, y, log_sums});
    return y;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor &q = saved[0], &k = saved[1], &v = saved[2], &y = saved[3], gradient = rows_in_place(gradients[0]);
    at::Tensor log_sums = saved[4], to_q = token_by_token(q, /*zeros=*/true), to_k = token_by_token(k, /*zeros=*/true),
               to_v = token_by_token(v, /*zeros=*/true);
    for_dtype(q.scalar_type(), [&](auto zero) {
      using T = decltype(zero);
      over_heads<T>(q, k, v, log_sums, /*turn_values=*/true,
                    [&](const Head<T>& head, int64_t row, int64_t h, int64_t kv_head) {
                      run(head, rows_of<T>(y, row, h), rows_of<T>(gradient, row, h), writable<T>(to_q, row, h),
                          writable<T>(to_k, row, kv_head), writable<T>(to_v, row, kv_head));
                    });
    });
    return {to_q, to_k, to_v};
  }
};

}  // namespace

bool has_causal_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  const bool learns = at::GradMode::is_enabled() && (q.requires_grad() || k.requires_grad() || v.requires_grad());
  return is_float_or_double(q) && learns && q.is_cpu() && q.size(3) % 16 == 0 && q.size(3) <= kMostWidth &&
         q.numel() > 0;
}

at::Tensor causal_attention_with_gradients(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  return CausalAttention::apply(q, k, v);
}

TORCH_LIBRARY_FRAGMENT(frankentorch, library) {
  library.def("causal_attention(Tensor q, Tensor k, Tensor v) -> Tensor",
              [](const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
                TORCH_CHECK(has_causal_attention(q, k, v), "Expected small heads that learn");
                return causal_attention_with_gradients(q, k, v);
              });
}

}  // namespace frankentorch
