#include "kernels/block_attention.h"

#include <algorithm>
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

constexpr int64_t kKeys = 32;     // that are held in float at a time
constexpr int64_t kQueries = 64;  // that one task takes
// Below so many queries the keys are read as they are stored: turning them into columns takes longer than it saves.
constexpr int64_t kFewQueries = 8;

// Queries of one kv head over its keys.
template <class Stored, class Wide>
struct Task {
  const Stored *k, *v;  // [tokens, width], rows `stride` apart
  int64_t tokens, width, k_stride, v_stride;
  Wide copies;
  int64_t queries;
  const Wide* q;                 // [queries, width], scaled
  Wide *mixed, *largest, *sums;  // [queries, columns], [queries], [queries]; columns: the width in whole vectors
  Wide *keys, *values, *scores;  // room for [width, kKeys], [kKeys, columns] and [queries, kKeys]
};

template <class Stored, class Wide>
[[gnu::always_inline]] inline void widen(const Stored* from, int64_t stride, int64_t rows, int64_t width,
                                         int64_t columns, Wide* into) {
  for (int64_t row = 0; row < rows; ++row)
#pragma omp simd
    for (int64_t i = 0; i < width; ++i) into[row * columns + i] = static_cast<Wide>(from[row * stride + i]);
}

template <class Stored, class Wide>
[[gnu::always_inline]] inline void attend(const Task<Stored, Wide>& task) {
  const int64_t width = task.width, columns = whole_vectors<Wide>(width);
  const bool few = task.queries < kFewQueries;
  for (int64_t first = 0; first < task.tokens; first += kKeys) {
    const int64_t count = std::min(kKeys, task.tokens - first);
    const Stored* k = task.k + first * task.k_stride;
    widen(task.v + first * task.v_stride, task.v_stride, count, width, columns, task.values);
    if (!few) {
      turn_across(k, task.k_stride, count, width, kKeys, task.keys);
      std::fill_n(task.scores, task.queries * kKeys, Wide(0));
      add_product<Wide>({task.q, width, 1}, {task.keys, kKeys}, task.queries, width, kKeys, {task.scores, kKeys});
    }
    for (int64_t query = 0; query < task.queries; ++query) {
      Wide &largest = task.largest[query], &sum = task.sums[query];
      Wide *scores = task.scores + query * kKeys, *mixed = task.mixed + query * columns;
      if (few)
        for (int64_t t = 0; t < count; ++t) scores[t] = dot(task.q + query * width, k + t * task.k_stride, width);
      std::fill(scores + count, scores + kKeys, -std::numeric_limits<Wide>::infinity());
      const Wide highest = std::max(largest, largest_of<kKeys>(scores));
      const Wide factor = exponential(largest - highest);  // of nothing, before a row's first keys
#pragma omp simd
      for (int64_t t = 0; t < kKeys; ++t) scores[t] = exponential(scores[t] - highest) * task.copies;
      sum = sum * factor + sum_of<kKeys>(scores);
      largest = highest;
#pragma omp simd
      for (int64_t i = 0; i < columns; ++i) mixed[i] *= factor;
    }
    add_product<Wide>({task.scores, kKeys, 1}, {task.values, columns}, task.queries, count, columns,
                      {task.mixed, columns});
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
    const int64_t columns = whole_vectors<Wide>(width), most = std::min(kQueries, queries);
    std::vector<Wide> room(most * (width + columns + 2 + kKeys) + (width + columns) * kKeys);
    Task<Stored, Wide> task;
    task.tokens = k.size(2), task.width = width;
    task.k_stride = k.stride(2), task.v_stride = v.stride(2);
    task.copies = static_cast<Wide>(copies);
    Wide* q_room = room.data();
    task.q = q_room;
    task.mixed = q_room + most * width;
    task.largest = task.mixed + most * columns;
    task.sums = task.largest + most;
    task.scores = task.sums + most;
    task.keys = task.scores + most * kKeys;
    task.values = task.keys + width * kKeys;
    for (int64_t place = begin; place < end; ++place) {
      const int64_t part = place % parts, kv_head = place / parts % kv_heads, key = place / parts / kv_heads;
      const int64_t first_query = part * kQueries;
      task.k = k.const_data_ptr<Stored>() + key * k.stride(0) + kv_head * k.stride(1);
      task.v = v.const_data_ptr<Stored>() + key * v.stride(0) + kv_head * v.stride(1);
      task.queries = std::min(kQueries, queries - first_query);
      // `per_row` queries of each row, row by row
      auto head_of = [&](int64_t i) {
        const int64_t query = key * queries + first_query + i;
        return (first_row + query / per_row) * heads + kv_head * per_row + query % per_row;
      };
      for (int64_t i = 0; i < task.queries; ++i) {
        const int64_t at = head_of(i);
        for (int64_t n = 0; n < width; ++n) q_room[i * width + n] = static_cast<Wide>(of_q[at * width + n]) * scale;
        std::copy_n(of_mixed + at * width, width, task.mixed + i * columns);
        task.largest[i] = of_largest[at];
        task.sums[i] = of_sums[at];
      }
      run(task);
      for (int64_t i = 0; i < task.queries; ++i) {
        const int64_t at = head_of(i);
        std::copy_n(task.mixed + i * columns, width, of_mixed + at * width);
        of_largest[at] = task.largest[i];
        of_sums[at] = task.sums[i];
      }
    }
  });
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
