const defaultSystem = [
  "{%- if messages and messages[0]['role'] != 'system' -%}",
  "{{- '<|im_start|>system\\nYou are a helpful assistant.<|im_end|>\\n' -}}",
  '{%- endif -%}',
]

/** `chatTemplate` without a system prompt where the messages have none: eleven tokens fewer, for models that are trained on little else. */
export const bareChatTemplate = [
  '{%- set seen = namespace(images=0, videos=0) -%}',
  '{%- for message in messages -%}',
  "{{- '<|im_start|>' + message['role'] + '\\n' -}}",
  "{%- if message['content'] is string -%}",
  "{{- message['content'] -}}",
  '{%- else -%}',
  "{%- for part in message['content'] -%}",
  "{%- if part['type'] == 'image' or 'image' in part or 'image_url' in part -%}",
  '{%- set seen.images = seen.images + 1 -%}',
  "{%- if add_vision_id -%}{{- 'Picture ' ~ seen.images ~ ': ' -}}{%- endif -%}",
  "{{- '<|vision_start|><|image_pad|><|vision_end|>' -}}",
  "{%- elif part['type'] == 'video' or 'video' in part -%}",
  '{%- set seen.videos = seen.videos + 1 -%}',
  "{%- if add_vision_id -%}{{- 'Video ' ~ seen.videos ~ ': ' -}}{%- endif -%}",
  "{{- '<|vision_start|><|video_pad|><|vision_end|>' -}}",
  "{%- elif 'text' in part -%}",
  "{{- part['text'] -}}",
  '{%- endif -%}',
  '{%- endfor -%}',
  '{%- endif -%}',
  "{{- '<|im_end|>\\n' -}}",
  '{%- endfor -%}',
  "{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}{%- endif -%}",
].join('\n')

/**
 * A chat template that renders what the one of the released Qwen2.5-VL renders: a default system prompt, one block per
 * message, a place for each image and video, and no trace of anything else in the content.
 */
export const chatTemplate = [...defaultSystem, bareChatTemplate].join('\n')
