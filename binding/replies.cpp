#include "replies.h"

#include "convert.h"

namespace frankentorch::binding {

void Replies::take(const std::vector<Emitted>& emitted) {
  for (const auto& one : emitted) {
    rows[one.row].tokens.push_back(one.token);
    if (const char* finish = finish_name(one.finish)) rows[one.row].finish = finish;
  }
}

const char* finish_name(Emitted::Finish finish) {
  return finish == Emitted::Finish::stop ? "stop" : finish == Emitted::Finish::length ? "length" : nullptr;
}

Napi::Object from_timings(Napi::Env env, const GenerationTimings& timings) {
  Napi::Object result = Napi::Object::New(env);
  result.Set("visionS", timings.vision_s);
  result.Set("prefillS", timings.prefill_s);
  result.Set("decodeS", timings.decode_s);
  if (timings.passes > 0) result.Set("passes", static_cast<double>(timings.passes));
  return result;
}

Napi::Value from_replies(Napi::Env env, const Replies& replies) {
  Napi::Object result = Napi::Object::New(env);
  Napi::Array rows = Napi::Array::New(env, replies.rows.size());
  for (size_t r = 0; r < replies.rows.size(); ++r) {
    Napi::Object row = Napi::Object::New(env);
    row.Set("tokenIds", from_ints(env, replies.rows[r].tokens));
    row.Set("finishReason", replies.rows[r].finish);
    rows.Set(static_cast<uint32_t>(r), row);
  }
  result.Set("rows", rows);
  result.Set("timings", from_timings(env, replies.timings));
  return result;
}

}  // namespace frankentorch::binding
