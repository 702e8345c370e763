#include "kernels/block_attention.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/clones.h"

namespace frankentorch {
namespace {

constexpr int64_t kKeys = 32;     // that are held in float at a time
constexpr int64_t kQueries = 64;  // that one task takes

// Queries of one kv head over its keys.
template <class Stored, class Wide>
struct Task {
  const Stored *k, *v;  // [tokens, width], rows `stride` apart
  int64_t tokens, width, k_stride, v_stride;
  Wide copies;
  int64_t queries;
  const Wide* q;          // [queries, width], scaled
  Wide* mixed[kQueries];  // [width] each
  Wide* largest[kQueries];
  Wide* sums[kQueries];
  Wide *keys, *values;  // room for [width, kKeys] and [kKeys, width]
};

template <class Stored, class Wide>
[[gnu::always_inline]] inline void widen(const Stored* from, int64_t stride, int64_t rows, int64_t width, Wide* into) {
  for (int64_t row = 0; row < rows; ++row)
#pragma omp simd
    for (int64_t i = 0; i < width; ++i) into[row * width + i] = static_cast<Wide>(from[row * stride + i]);
}

// The same with `rows` becoming columns of kKeys.
template <class Stored, class Wide>
[[gnu::always_inline]] inline void widen_across(const Stored* from, int64_t stride, int64_t rows, int64_t width,
                                                Wide* into) {
  for (int64_t i = 0; i < width; ++i)
    for (int64_t row = 0; row < rows; ++row) into[i * kKeys + row] = static_cast<Wide>(from[row * stride + i]);
}

// y += Σᵣ weights[r] · x[r], of rows that lie one after another: no sum runs across a vector.
template <class Wide>
[[gnu::always_inline]] inline void add_weighted(const Wide* weights, const Wide* x, int64_t rows, int64_t width,
                                                Wide* y) {
  int64_t row = 0;
  for (; row + 4 <= rows; row += 4) {
    const Wide *x0 = x + row * width, *x1 = x0 + width, *x2 = x1 + width, *x3 = x2 + width;
    const Wide w0 = weights[row], w1 = weights[row + 1], w2 = weights[row + 2], w3 = weights[row + 3];
#pragma omp simd
    for (int64_t i = 0; i < width; ++i) y[i] += (w0 * x0[i] + w1 * x1[i]) + (w2 * x2[i] + w3 * x3[i]);
  }
  for (; row < rows; ++row)
#pragma omp simd
    for (int64_t i = 0; i < width; ++i) y[i] += weights[row] * x[row * width + i];
}

// scores[t] = q · keys[:, t]
template <class Wide>
[[gnu::always_inline]] inline void score(const Wide* q, const Wide* keys, int64_t width, Wide* scores) {
  std::fill_n(scores, kKeys, Wide(0));
  add_weighted(q, keys, width, kKeys, scores);
}

// mixed = mixed · factor + Σₜ weights[t] · values[t]
template <class Wide>
[[gnu::always_inline]] inline void mix(const Wide* weights, const Wide* values, int64_t count, int64_t width,
                                       Wide factor, Wide* mixed) {
#pragma omp simd
  for (int64_t i = 0; i < width; ++i) mixed[i] *= factor;
  add_weighted(weights, values, count, width, mixed);
}

template <class Stored, class Wide>
[[gnu::always_inline]] inline void attend(const Task<Stored, Wide>& task) {
  const int64_t width = task.width;
  Wide scores[kKeys];
  for (int64_t first = 0; first < task.tokens; first += kKeys) {
    const int64_t count = std::min(kKeys, task.tokens - first);
    widen_across(task.k + first * task.k_stride, task.k_stride, count, width, task.keys);
    widen(task.v + first * task.v_stride, task.v_stride, count, width, task.values);
    for (int64_t query = 0; query < task.queries; ++query) {
      Wide &largest = *task.largest[query], &sum = *task.sums[query];
      score(task.q + query * width, task.keys, width, scores);
      const Wide highest = std::max(largest, *std::max_element(scores, scores + count));
      const Wide factor = std::exp(largest - highest);  // 0 for the first keys of a row
      Wide added = 0;
      for (int64_t t = 0; t < count; ++t) {
        scores[t] = std::exp(scores[t] - highest) * task.copies;
        added += scores[t];
      }
      sum = sum * factor + added;
      largest = highest;
      mix(scores, task.values, count, width, factor, task.mixed[query]);
    }
  }
}

FRANKENTORCH_CLONES void run(const Task<at::BFloat16, float>& task) {
  attend(task);
}

FRANKENTORCH_CLONES void run(const Task<float, float>& task) {
  attend(task);
}

FRANKENTORCH_CLONES void run(const Task<double, double>& task) {
  attend(task);
}

template <class Stored, class Wide>
void add_block(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, int64_t first_row, int64_t rows,
               int64_t copies, at::Tensor& mixed, at::Tensor& largest, at::Tensor& sums) {
  const int64_t heads = q.size(1), width = q.size(2), kv_heads = k.size(1);
  const int64_t per_row = heads / kv_heads, queries = rows / k.size(0) * per_row;  // of each kv head
  const int64_t parts = (queries + kQueries - 1) / kQueries;
  const Wide scale = Wide(1) / std::sqrt(static_cast<Wide>(width));
  const auto* of_q = q.const_data_ptr<Stored>();
  auto *of_mixed = mixed.mutable_data_ptr<Wide>(), *of_largest = largest.mutable_data_ptr<Wide>(),
       *of_sums = sums.mutable_data_ptr<Wide>();

  at::parallel_for(0, k.size(0) * kv_heads * parts, 1, [&](int64_t begin, int64_t end) {
    std::vector<Wide> room((kQueries + 2 * kKeys) * width);
    Task<Stored, Wide> task;
    task.tokens = k.size(2), task.width = width;
    task.k_stride = k.stride(2), task.v_stride = v.stride(2);
    task.copies = static_cast<Wide>(copies);
    task.q = room.data();
    task.keys = room.data() + kQueries * width;
    task.values = task.keys + kKeys * width;
    for (int64_t place = begin; place < end; ++place) {
      const int64_t part = place % parts, kv_head = place / parts % kv_heads, key = place / parts / kv_heads;
      const int64_t first_query = part * kQueries;
      task.k = k.const_data_ptr<Stored>() + key * k.stride(0) + kv_head * k.stride(1);
      task.v = v.const_data_ptr<Stored>() + key * v.stride(0) + kv_head * v.stride(1);
      task.queries = std::min(kQueries, queries - first_query);
      for (int64_t i = 0; i < task.queries; ++i) {
        const int64_t query = key * queries + first_query + i;  // `per_row` of each row, row by row
        const int64_t row = first_row + query / per_row, head = kv_head * per_row + query % per_row;
        const int64_t at = row * heads + head;
        for (int64_t n = 0; n < width; ++n) room[i * width + n] = static_cast<Wide>(of_q[at * width + n]) * scale;
        task.mixed[i] = of_mixed + at * width;
        task.largest[i] = of_largest + at;
        task.sums[i] = of_sums + at;
      }
      run(task);
    }
  });
}

at::Tensor rows_in_place(const at::Tensor& x) {
  return x.stride(3) == 1 ? x : x.contiguous();
}

}  // namespace

bool BlockAttention::serves(const at::Tensor& q) {
  const at::ScalarType dtype = q.scalar_type();
  return q.is_cpu() && (dtype == at::kBFloat16 || dtype == at::kFloat || dtype == at::kDouble) &&
         !at::GradMode::is_enabled();
}

BlockAttention::BlockAttention(const at::Tensor& q) : q_(q.contiguous()) {
  const at::TensorOptions wide = q.options().dtype(q.scalar_type() == at::kDouble ? at::kDouble : at::kFloat);
  mixed_ = at::zeros(q.sizes(), wide);
  largest_ = at::full({q.size(0), q.size(1)}, -INFINITY, wide);
  sums_ = at::zeros({q.size(0), q.size(1)}, wide);
}

void BlockAttention::add(const at::Tensor& k, const at::Tensor& v, int64_t first_row, int64_t rows, int64_t copies) {
  const at::Tensor keys = rows_in_place(k), values = rows_in_place(v);
  const auto add = q_.scalar_type() == at::kBFloat16 ? add_block<at::BFloat16, float>
                   : q_.scalar_type() == at::kFloat  ? add_block<float, float>
                                                     : add_block<double, double>;
  add(q_, keys, values, first_row, rows, copies, mixed_, largest_, sums_);
}

at::Tensor BlockAttention::result() const {
  return (mixed_ / sums_.unsqueeze(-1)).to(q_.scalar_type());
}

namespace {

at::Tensor block_attention(const at::Tensor& q, at::TensorList k, at::TensorList v, at::IntArrayRef first_rows,
                           at::IntArrayRef rows, at::IntArrayRef copies) {
  const at::NoGradGuard no_grad;
  TORCH_CHECK(BlockAttention::serves(q), "Expected a CPU tensor of bfloat16, float32 or float64");
  BlockAttention attention(q);
  for (size_t i = 0; i < k.size(); ++i) attention.add(k[i], v[i], first_rows[i], rows[i], copies[i]);
  return attention.result();
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(frankentorch, library) {
  library.def("block_attention(Tensor q, Tensor[] k, Tensor[] v, int[] first_rows, int[] rows, int[] copies) -> Tensor",
              &block_attention);
}

}  // namespace frankentorch
