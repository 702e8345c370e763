#include "model/generation.h"

#include "addon.h"
#include "interventions.h"
#include "loaded_model.h"
#include "model_arguments.h"
#include "replies.h"

namespace frankentorch::binding {
namespace {

// (model, inputs, rows: options of each, as many for every prompt, { interventions }, cancellation?, onToken?: (row,
// token) => void) -> Promise<{ rows, timings }>. Aborted rows keep the tokens they have.
Napi::Value generate(Addon& addon, const Napi::CallbackInfo& info) {
  std::shared_ptr<Napi::FunctionReference> on_token;  // touched on the JavaScript thread only
  if (info[5].IsFunction())
    on_token = std::make_shared<Napi::FunctionReference>(Napi::Persistent(info[5].As<Napi::Function>()));

  auto converse = [&engine = addon.engine, loaded = unwrap<LoadedModel>(info[0], "model"), inputs = to_inputs(info[1]),
                   options = to_row_options(info[2]),
                   hooks = to_attachments(addon, to_object(info[3], "options").Get("interventions")),
                   on_token](Turn& turn) {
    Generation generation(loaded->model);
    Replies replies(options.size());
    auto take = [&](const std::vector<Emitted>& emitted) {
      replies.take(emitted);
      if (!on_token) return;
      for (const auto& one : emitted)
        engine.post([on_token, row = one.row, token = one.token](Napi::Env env) {
          on_token->Call(
              {Napi::Number::New(env, static_cast<double>(row)), Napi::Number::New(env, static_cast<double>(token))});
        });
    };
    try {
      take(generation.join(inputs, options, hooks, turn));
      while (!generation.done()) take(generation.step(turn));
    } catch (const Error& error) {
      if (std::string_view(error.code()) != "ERR_ABORTED") throw;
    }
    replies.timings = generation.timings();
    return replies;
  };
  return addon.engine.run(info.Env(), to_cancellation(info[4]), std::move(converse), from_replies);
}

// A generation that JavaScript advances step by step, so that rows may join and leave between steps.
struct RunningBatch {
  explicit RunningBatch(std::shared_ptr<LoadedModel> loaded)
      : loaded(std::move(loaded)), generation(this->loaded->model) {}
  std::shared_ptr<LoadedModel> loaded;
  Generation generation;
};

// [{ row, token, finishReason? }]
Napi::Value from_emitted(Napi::Env env, const std::vector<Emitted>& emitted) {
  Napi::Array list = Napi::Array::New(env, emitted.size());
  for (size_t i = 0; i < emitted.size(); ++i) {
    Napi::Object one = Napi::Object::New(env);
    one.Set("row", static_cast<double>(emitted[i].row));
    one.Set("token", static_cast<double>(emitted[i].token));
    if (const char* finish = finish_name(emitted[i].finish)) one.Set("finishReason", finish);
    list.Set(static_cast<uint32_t>(i), one);
  }
  return list;
}

// (model) -> batch
Napi::Value create_batch(Addon&, const Napi::CallbackInfo& info) {
  return wrap(info.Env(), std::make_shared<RunningBatch>(unwrap<LoadedModel>(info[0], "model")));
}

// (batch, inputs, rows: options of each, { interventions }, cancellation?) -> Promise<emitted>: the first token of
// every new row
Napi::Value batch_join(Addon& addon, const Napi::CallbackInfo& info) {
  return addon.engine.run(
      info.Env(), to_cancellation(info[4]),
      [batch = unwrap<RunningBatch>(info[0], "batch"), inputs = to_inputs(info[1]), options = to_row_options(info[2]),
       hooks = to_attachments(addon, to_object(info[3], "options").Get("interventions"))](Turn& turn) {
        return batch->generation.join(inputs, options, hooks, turn);
      },
      from_emitted);
}

// (batch, leaving: rows, cancellation?) -> Promise<emitted>: one more token of every row that stays
Napi::Value batch_step(Addon& addon, const Napi::CallbackInfo& info) {
  return addon.engine.run(
      info.Env(), to_cancellation(info[2]),
      [batch = unwrap<RunningBatch>(info[0], "batch"), leaving = to_ints(info[1], "leaving")](Turn& turn) {
        for (const int64_t row : leaving) batch->generation.leave(row);
        return batch->generation.done() ? std::vector<Emitted>{} : batch->generation.step(turn);
      },
      from_emitted);
}

// (batch) -> Promise. Its caches go once the jobs before it are done.
Napi::Value dispose_batch(Addon& addon, const Napi::CallbackInfo& info) {
  auto batch = std::exchange(handle_of<RunningBatch>(info[0], "batch").value, nullptr);
  return addon.engine.run(
      info.Env(), nullptr, [batch = std::move(batch)](Turn&) mutable { return batch.reset(), true; },
      [](Napi::Env env, bool) { return env.Undefined(); });
}

}  // namespace

void define_generation(Napi::Object exports, Addon& addon) {
  define<generate>(exports, "generate", addon);
  define<create_batch>(exports, "createBatch", addon);
  define<batch_join>(exports, "batchJoin", addon);
  define<batch_step>(exports, "batchStep", addon);
  define<dispose_batch>(exports, "disposeBatch", addon);
}

}  // namespace frankentorch::binding
