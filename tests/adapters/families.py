"""Tiny checkpoints of random weights, one of each family of vision-language models: a few kilobytes each."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import pytest
import torch
import transformers as hf
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors

SIDE: Final = 28
PATCH: Final = 14
PATCHES: Final = (SIDE // PATCH) ** 2
WIDTH: Final = 16

TEMPLATE: Final = (
    "{{ BOS }}{% for message in messages %}{{ message['role'] }}: {% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}IMAGE{% else %}{{ part['text'] }}{% endif %}{% endfor %}\n{% endfor %}assistant:"
)


def conversation(processor: Any, prompt: str, images: list[Any]) -> Any:
    """Ask a model with a chat template as the library's documentation does."""
    content = [*({"type": "image", "image": image} for image in images), {"type": "text", "text": prompt}]
    return processor.apply_chat_template(
        [{"role": "user", "content": content}],
        add_generation_prompt=True, tokenize=True, return_dict=True, return_tensors="pt",
    )  # fmt: skip


def line(form: str = "{}", **options: Any) -> Callable[[Any, str, list[Any]], Any]:
    """Ask a model without one as its family's examples do."""

    def ask(processor: Any, prompt: str, images: list[Any]) -> Any:
        said = form.replace("{}", prompt)
        return processor(images=images[0] if images else None, text=said, return_tensors="pt", **options)

    return ask


@dataclass(frozen=True)
class Family:
    """What builds the checkpoint of a family, and how its models are asked."""

    build: Callable[[], tuple[Any, Any]]
    """Returns a model and its processor."""
    plain: Callable[[Any, str, list[Any]], Any] = conversation
    """Makes a script's inputs of a processor, a prompt and images."""
    encodes: bool = False
    """Whether the prompt is no part of what `generate` gives back."""
    core: bool = False
    """Whether the short run tries it too."""
    extra: Mapping[str, Any] | None = None
    """Keys of a video processor's section, as published checkpoints have one."""
    narrow: bool = False
    """Whether layers of the tiny checkpoint are narrower than the blocks in which weights are quantised."""
    needs: tuple[str, ...] = ()
    """Packages without which the library refuses to load its processor."""

    def lacking(self) -> str:
        """Return those of them that are not here."""
        return ", ".join(package for package in self.needs if find_spec(package) is None)


FAMILIES: dict[str, Family] = {}


def family(name: str, **known: Any) -> Callable[[Callable[[], tuple[Any, Any]]], None]:
    """Enter a function into the table."""

    def enter(build: Callable[[], tuple[Any, Any]]) -> None:
        FAMILIES[name] = Family(build, **known)

    return enter


@dataclass(frozen=True)
class Built:
    """A checkpoint on disk, and the model and processor that a script asks."""

    family: Family
    folder: Path
    model: Any
    processor: Any

    @classmethod
    def of(cls, name: str, folder: Path, width: int = WIDTH) -> "Built":
        """Build the checkpoint of a family into a folder, as `save_pretrained` writes it."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(globals(), "WIDTH", width)
            return cls._of(name, folder)

    @classmethod
    def _of(cls, name: str, folder: Path) -> "Built":
        torch.manual_seed(0)
        family = FAMILIES[name]
        model, processor = family.build()
        tokenizer = processor.tokenizer
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.dim() > 1:  # what a fresh model says is the same whatever it sees
                    parameter.normal_(std=0.3)
        if hasattr(model, "generate"):
            own = model.generation_config
            own.pad_token_id, own.eos_token_id = tokenizer.pad_token_id, tokenizer.eos_token_id
        model.save_pretrained(folder)
        processor.save_pretrained(folder)
        if family.extra:
            file = folder / "processor_config.json"
            content = json.loads(file.read_text()) if file.is_file() else {}
            file.write_text(json.dumps({**content, **family.extra}))
        if hasattr(model, "generate"):
            model.generation_config.forced_eos_token_id = None  # a habit of the checkpoint, which the harness drops
        if find_spec("torchvision") is not None or not family.extra:
            processor = hf.AutoProcessor.from_pretrained(folder)
        return cls(family, folder, model.eval(), processor)


def tokens(*special: str, named: Mapping[str, str] = {}, bos: bool = False, eos: bool = False) -> Any:
    """Return a tokenizer of bytes, with further tokens of its own; ``named`` ones are attributes too."""
    alphabet = ["<pad>", "<s>", "</s>", "<unk>", *sorted(pre_tokenizers.ByteLevel.alphabet())]
    made = Tokenizer(models.BPE(vocab={name: i for i, name in enumerate(alphabet)}, merges=[], unk_token=alphabet[3]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    if bos or eos:
        shape = ["<s>"] * bos + ["$A"] + ["</s>"] * eos
        made.post_processor = processors.TemplateProcessing(single=shape, special_tokens=[("<s>", 1), ("</s>", 2)])
    usual = {"pad_token": "<pad>", "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    found = hf.PreTrainedTokenizerFast(tokenizer_object=made, **usual, extra_special_tokens=dict(named))
    found.add_special_tokens({"additional_special_tokens": [*special, *named.values()]})
    return found


def chat(image: str, bos: bool = False) -> str:
    return TEMPLATE.replace("IMAGE", image).replace("{{ BOS }}", "{{ bos_token }}" if bos else "")


def text(tokenizer: Any, kind: Any = hf.LlamaConfig, **more: Any) -> Any:
    return kind(
        vocab_size=len(tokenizer) + 8, hidden_size=WIDTH, intermediate_size=WIDTH, num_hidden_layers=2,
        num_attention_heads=2, num_key_value_heads=2, head_dim=WIDTH // 2, max_position_embeddings=1024,
        pad_token_id=0, bos_token_id=1, eos_token_id=2, **more,
    )  # fmt: skip


def tower(kind: Any = hf.CLIPVisionConfig, **more: Any) -> Any:
    keys = {"hidden_size": WIDTH, "intermediate_size": WIDTH, "num_hidden_layers": 2, "num_attention_heads": 2}
    return kind(**{**keys, "image_size": SIDE, "patch_size": PATCH, **more})


def clip_pixels() -> Any:
    return hf.CLIPImageProcessorPil(size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE})


def square(kind: Any, **more: Any) -> Any:
    return kind(size={"height": SIDE, "width": SIDE}, **more)


@family("llava", core=True)
def llava() -> tuple[Any, Any]:
    tokenizer = tokens("<image>", bos=True)
    config = hf.LlavaConfig(
        vision_config=tower(), text_config=text(tokenizer), image_token_id=tokenizer.convert_tokens_to_ids("<image>")
    )
    processor = hf.LlavaProcessor(
        image_processor=clip_pixels(), tokenizer=tokenizer, patch_size=PATCH, num_additional_image_tokens=1,
        vision_feature_select_strategy="default", chat_template=chat("<image>"),
    )  # fmt: skip
    return hf.LlavaForConditionalGeneration(config), processor


@family("llava_next")
def llava_next() -> tuple[Any, Any]:
    tokenizer = tokens("<image>", bos=True)
    pinpoints = [[SIDE, 2 * SIDE], [2 * SIDE, SIDE]]
    config = hf.LlavaNextConfig(
        vision_config=tower(), text_config=text(tokenizer), image_grid_pinpoints=pinpoints,
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
    )  # fmt: skip
    pixels = hf.LlavaNextImageProcessorPil(
        size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE}, image_grid_pinpoints=pinpoints
    )
    processor = hf.LlavaNextProcessor(
        image_processor=pixels, tokenizer=tokenizer, patch_size=PATCH, num_additional_image_tokens=1,
        vision_feature_select_strategy="default", chat_template=chat("<image>"),
    )  # fmt: skip
    return hf.LlavaNextForConditionalGeneration(config), processor


def unseen(kind: Any, **parts: Any) -> Any:
    """Return a processor without its video part, which `transformers` makes only where torchvision is."""
    from harness.adapters._torch.processor import image_only

    return image_only(kind)(video_processor=None, **parts)


@family("llava_onevision", extra={"video_processor": {"video_processor_type": "LlavaOnevisionVideoProcessor"}})
def llava_onevision() -> tuple[Any, Any]:
    tokenizer = tokens("<image>", "<video>")
    pinpoints = [[SIDE, SIDE], [SIDE, 2 * SIDE]]
    config = hf.LlavaOnevisionConfig(
        vision_config=tower(hf.SiglipVisionConfig), text_config=text(tokenizer, hf.Qwen2Config),
        image_grid_pinpoints=pinpoints, vision_aspect_ratio="anyres_max_4",
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        video_token_index=tokenizer.convert_tokens_to_ids("<video>"),
    )  # fmt: skip
    pixels = square(hf.LlavaOnevisionImageProcessorPil, image_grid_pinpoints=pinpoints)
    processor = unseen(
        hf.LlavaOnevisionProcessor, image_processor=pixels, tokenizer=tokenizer, num_image_tokens=PATCHES,
        vision_feature_select_strategy="full", vision_aspect_ratio="anyres_max_4", chat_template=chat("<image>"),
    )  # fmt: skip
    return hf.LlavaOnevisionForConditionalGeneration(config), processor


@family("idefics2")
def idefics2() -> tuple[Any, Any]:
    tokenizer = tokens("<image>", "<fake_token_around_image>", "<end_of_utterance>", bos=True)
    perceiver = {
        "hidden_size": WIDTH, "resampler_n_latents": 4, "resampler_depth": 1, "resampler_n_heads": 2,
        "resampler_head_dim": WIDTH // 2, "num_key_value_heads": 1,
    }  # fmt: skip
    config = hf.Idefics2Config(
        vision_config=tower(hf.models.idefics2.configuration_idefics2.Idefics2VisionConfig),
        perceiver_config=perceiver, text_config=text(tokenizer, hf.MistralConfig),
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
    )  # fmt: skip
    pixels = hf.Idefics2ImageProcessorPil(
        size={"longest_edge": 2 * SIDE, "shortest_edge": SIDE}, do_image_splitting=False
    )
    processor = hf.Idefics2Processor(
        image_processor=pixels, tokenizer=tokenizer, image_seq_len=4, chat_template=chat("<image>")
    )
    return hf.Idefics2ForConditionalGeneration(config), processor


def idefics3_like(kind: str, make: Callable[..., Any], *special: str) -> tuple[Any, Any]:
    tokenizer = tokens("<image>", "<fake_token_around_image>", "<global-img>", "<end_of_utterance>", *special, bos=True)
    vision = getattr(getattr(hf.models, kind.lower()), f"configuration_{kind.lower()}")
    config = getattr(hf, f"{kind}Config")(
        vision_config=tower(getattr(vision, f"{kind}VisionConfig"), image_size=2 * SIDE),
        text_config=text(tokenizer), scale_factor=2, image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
    )  # fmt: skip
    pixels = getattr(hf, f"{kind}ImageProcessorPil")(
        size={"longest_edge": 4 * SIDE}, max_image_size={"longest_edge": 2 * SIDE}, do_image_splitting=True
    )
    processor = make(
        getattr(hf, f"{kind}Processor"), image_processor=pixels, tokenizer=tokenizer, image_seq_len=4,
        chat_template=chat("<image>"),
    )  # fmt: skip
    return getattr(hf, f"{kind}ForConditionalGeneration")(config), processor


@family("idefics3")
def idefics3() -> tuple[Any, Any]:
    return idefics3_like("Idefics3", lambda kind, **parts: kind(**parts))


@family("smolvlm", needs=("num2words",), extra={"video_processor": {"video_processor_type": "SmolVLMVideoProcessor"}})
def smolvlm() -> tuple[Any, Any]:
    return idefics3_like("SmolVLM", unseen)


@family("internvl", extra={"video_processor": {"video_processor_type": "InternVLVideoProcessor"}})
def internvl() -> tuple[Any, Any]:
    named = {"start_image_token": "<img>", "end_image_token": "</img>", "context_image_token": "<IMG_CONTEXT>"}
    tokenizer = tokens(named={**named, "video_token": "<video>"})
    config = hf.InternVLConfig(
        vision_config=tower(hf.InternVLVisionConfig, image_size=(SIDE, SIDE), patch_size=(7, 7)),
        text_config=text(tokenizer, hf.Qwen2Config), image_seq_length=4,
        image_token_id=tokenizer.convert_tokens_to_ids("<IMG_CONTEXT>"),
    )  # fmt: skip
    pixels = square(hf.GotOcr2ImageProcessorPil, crop_to_patches=True, min_patches=1, max_patches=2)
    processor = unseen(
        hf.InternVLProcessor, image_processor=pixels, tokenizer=tokenizer, image_seq_length=4,
        chat_template=chat("<IMG_CONTEXT>\n"),
    )  # fmt: skip
    return hf.InternVLForConditionalGeneration(config), processor


@family("gemma3", core=True)
def gemma3() -> tuple[Any, Any]:
    named = {"boi_token": "<start_of_image>", "eoi_token": "<end_of_image>", "image_token": "<image_soft_token>"}
    tokenizer = tokens(named=named, bos=True)
    config = hf.Gemma3Config(
        vision_config=tower(hf.SiglipVisionConfig), mm_tokens_per_image=PATCHES,
        text_config=text(tokenizer, hf.Gemma3TextConfig, query_pre_attn_scalar=8, sliding_window=512),
        boi_token_index=tokenizer.boi_token_id, eoi_token_index=tokenizer.eoi_token_id,
        image_token_index=tokenizer.image_token_id,
    )  # fmt: skip
    processor = hf.Gemma3Processor(
        image_processor=square(hf.Gemma3ImageProcessorPil), tokenizer=tokenizer, image_seq_length=PATCHES,
        chat_template=chat("<start_of_image>", bos=True),
    )  # fmt: skip
    return hf.Gemma3ForConditionalGeneration(config), processor


@family("mllama")
def mllama() -> tuple[Any, Any]:
    tokenizer = tokens("<|image|>", "<|python_tag|>", bos=True)
    config = hf.MllamaConfig(
        vision_config=hf.models.mllama.configuration_mllama.MllamaVisionConfig(
            hidden_size=WIDTH, num_hidden_layers=2, num_global_layers=1, attention_heads=2, intermediate_size=WIDTH,
            vision_output_dim=2 * WIDTH, image_size=SIDE, patch_size=PATCH, max_num_tiles=2,
            intermediate_layers_indices=[1], supported_aspect_ratios=[[1, 1], [1, 2], [2, 1]],
        ),
        text_config=hf.models.mllama.configuration_mllama.MllamaTextConfig(
            vocab_size=len(tokenizer), hidden_size=WIDTH, intermediate_size=WIDTH, num_hidden_layers=3,
            num_attention_heads=2, num_key_value_heads=2, cross_attention_layers=[1], max_position_embeddings=1024,
            pad_token_id=0, bos_token_id=1, eos_token_id=2,
            rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
        ),
        image_token_index=tokenizer.convert_tokens_to_ids("<|image|>"),
    )  # fmt: skip
    processor = hf.MllamaProcessor(
        square(hf.MllamaImageProcessorPil, max_image_tiles=2), tokenizer, chat_template=chat("<|image|>", bos=True)
    )
    return hf.MllamaForConditionalGeneration(config), processor


def pixtral_like(make: Callable[[Any, Any], Any], merge: int) -> tuple[Any, Any]:
    tokenizer = tokens("[IMG]", "[IMG_BREAK]", "[IMG_END]", bos=True)
    vision = hf.PixtralVisionConfig(
        hidden_size=WIDTH, intermediate_size=WIDTH, num_hidden_layers=2, num_attention_heads=2, image_size=4 * SIDE,
        patch_size=PATCH,
    )  # fmt: skip
    pixels = hf.PixtralImageProcessorPil(size={"longest_edge": 2 * SIDE}, patch_size={"height": PATCH, "width": PATCH})
    processor = hf.PixtralProcessor(
        image_processor=pixels, tokenizer=tokenizer, patch_size=PATCH, spatial_merge_size=merge,
        chat_template=chat("[IMG]", bos=True),
    )  # fmt: skip
    return make(vision, tokenizer), processor


@family("pixtral", needs=("torchvision",))
def pixtral() -> tuple[Any, Any]:
    def make(vision: Any, tokenizer: Any) -> Any:
        config = hf.LlavaConfig(
            vision_config=vision, text_config=text(tokenizer, hf.MistralConfig), vision_feature_layer=-1,
            vision_feature_select_strategy="full", image_token_id=tokenizer.convert_tokens_to_ids("[IMG]"),
        )  # fmt: skip
        return hf.LlavaForConditionalGeneration(config)

    return pixtral_like(make, 1)


@family("mistral3", needs=("torchvision",))
def mistral3() -> tuple[Any, Any]:
    def make(vision: Any, tokenizer: Any) -> Any:
        config = hf.Mistral3Config(
            vision_config=vision, text_config=text(tokenizer, hf.MistralConfig), spatial_merge_size=2,
            image_token_index=tokenizer.convert_tokens_to_ids("[IMG]"),
        )  # fmt: skip
        return hf.Mistral3ForConditionalGeneration(config)

    return pixtral_like(make, 2)


QWEN = ("<|image_pad|>", "<|video_pad|>", "<|vision_start|>", "<|vision_end|>")


def qwen_like(kind: str, vision: dict[str, Any], patch: int, **rope: Any) -> tuple[Any, Any]:
    tokenizer = tokens(*QWEN)
    image, video, start, end = (tokenizer.convert_tokens_to_ids(name) for name in QWEN)
    config = getattr(hf, f"{kind}Config")(
        text_config=text(tokenizer, getattr(hf, f"{kind}TextConfig"), **rope).to_dict(),
        vision_config={**vision, "patch_size": patch, "spatial_merge_size": 2, "temporal_patch_size": 2},
        image_token_id=image, video_token_id=video, vision_start_token_id=start, vision_end_token_id=end,
    )  # fmt: skip
    pixels = hf.Qwen2VLImageProcessorPil(
        size={"shortest_edge": 4 * patch**2, "longest_edge": 64 * patch**2}, patch_size=patch
    )
    processor = unseen(
        getattr(hf, f"{kind}Processor"), image_processor=pixels, tokenizer=tokenizer,
        chat_template=chat("<|vision_start|><|image_pad|><|vision_end|>"),
    )  # fmt: skip
    return getattr(hf, f"{kind}ForConditionalGeneration")(config), processor


def sections() -> dict[str, Any]:
    parts = [WIDTH // 16, WIDTH // 16, WIDTH // 8]
    return {"rope_parameters": {"rope_type": "default", "mrope_section": parts, "rope_theta": 10000.0}}


VIDEO = {"video_processor": {"video_processor_type": "Qwen2VLVideoProcessor"}}


@family("qwen2_vl", extra=VIDEO)
def qwen2_vl() -> tuple[Any, Any]:
    vision = {"depth": 2, "embed_dim": WIDTH, "hidden_size": WIDTH, "num_heads": 2, "mlp_ratio": 1}
    return qwen_like("Qwen2VL", vision, 14, **sections())


@family("qwen2_5_vl", extra=VIDEO)
def qwen2_5_vl() -> tuple[Any, Any]:
    vision = {
        "depth": 2, "hidden_size": WIDTH, "num_heads": 2, "intermediate_size": WIDTH, "out_hidden_size": WIDTH,
        "fullatt_block_indexes": [1], "window_size": 56,
    }  # fmt: skip
    return qwen_like("Qwen2_5_VL", vision, 14, **sections())


@family("qwen3_vl", extra={"video_processor": {"video_processor_type": "Qwen3VLVideoProcessor"}})
def qwen3_vl() -> tuple[Any, Any]:
    vision = {
        "depth": 2, "hidden_size": WIDTH, "num_heads": 2, "intermediate_size": WIDTH, "out_hidden_size": WIDTH,
        "deepstack_visual_indexes": [0], "num_position_embeddings": 16,
    }  # fmt: skip
    return qwen_like("Qwen3VL", vision, 16, **sections())


def pali(processor: Any, prompt: str, images: list[Any]) -> Any:
    return processor(images=[images], text=["<image>" * len(images) + prompt], return_tensors="pt")


def docvqa(processor: Any, prompt: str, images: list[Any]) -> Any:
    said = f"<s_docvqa><s_question>{prompt}</s_question><s_answer>"
    started = processor.tokenizer(said, add_special_tokens=False, return_tensors="pt").input_ids
    return {"pixel_values": processor(images[0], return_tensors="pt").pixel_values, "decoder_input_ids": started}


def transcribe(processor: Any, prompt: str, images: list[Any]) -> Any:
    return {"pixel_values": processor(images[0], return_tensors="pt").pixel_values}


@family("paligemma", core=True, plain=pali)
def paligemma() -> tuple[Any, Any]:
    tokenizer = tokens("<image>", bos=True)
    pixels = square(hf.SiglipImageProcessorPil)
    pixels.image_seq_length = PATCHES
    processor = hf.PaliGemmaProcessor(image_processor=pixels, tokenizer=tokenizer)
    config = hf.PaliGemmaConfig(
        vision_config=tower(hf.SiglipVisionConfig, projection_dim=WIDTH), projection_dim=WIDTH,
        text_config=text(tokenizer, hf.GemmaConfig), image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
    )  # fmt: skip
    return hf.PaliGemmaForConditionalGeneration(config), processor


@family("florence2", core=True, plain=line(), encodes=True, narrow=True)
def florence2() -> tuple[Any, Any]:
    tokenizer = tokens(named={"image_token": "<image>"}, bos=True, eos=True)
    vision = hf.models.florence2.configuration_florence2.Florence2VisionConfig(
        depths=(1, 1), patch_size=(7, 3), patch_stride=(4, 2), patch_padding=(3, 1), patch_prenorm=(False, True),
        embed_dim=(8, WIDTH), num_heads=(2, 2), num_groups=(2, 2), window_size=4, projection_dim=WIDTH,
        max_temporal_embeddings=4, max_position_embeddings=8, drop_path_rate=0.0,
    )  # fmt: skip
    language = hf.BartConfig(
        vocab_size=len(tokenizer), d_model=WIDTH, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=WIDTH, decoder_ffn_dim=WIDTH, max_position_embeddings=512,
        pad_token_id=0, bos_token_id=1, eos_token_id=2, decoder_start_token_id=2, forced_eos_token_id=2,
        is_encoder_decoder=True,
    )  # fmt: skip
    config = hf.Florence2Config(vision_config=vision, text_config=language, image_token_id=tokenizer.image_token_id)
    pixels = clip_pixels()
    pixels.image_seq_length = 17
    processor = hf.Florence2Processor(image_processor=pixels, tokenizer=tokenizer)
    model = hf.Florence2ForConditionalGeneration(config)
    model.generation_config.decoder_start_token_id = 2
    return model, processor


def opt(tokenizer: Any) -> Any:
    return hf.OPTConfig(
        vocab_size=len(tokenizer), hidden_size=WIDTH, word_embed_proj_dim=WIDTH, num_hidden_layers=2,
        num_attention_heads=2, ffn_dim=WIDTH, max_position_embeddings=512, pad_token_id=0, bos_token_id=1,
        eos_token_id=2,
    )  # fmt: skip


def asking(kind: Any, **more: Any) -> Any:
    return kind(
        vocab_size=300, hidden_size=WIDTH, num_hidden_layers=2, num_attention_heads=2, intermediate_size=WIDTH,
        encoder_hidden_size=WIDTH, max_position_embeddings=512, hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0, **more,
    )  # fmt: skip


@family("blip_2", core=True, plain=line("Question: {} Answer:"))
def blip_2() -> tuple[Any, Any]:
    tokenizer = tokens("<image>", bos=True)
    processor = hf.Blip2Processor(square(hf.BlipImageProcessorPil), tokenizer, num_query_tokens=4)
    config = hf.Blip2Config(
        vision_config=tower(hf.Blip2VisionConfig), qformer_config=asking(hf.Blip2QFormerConfig),
        text_config=opt(tokenizer), num_query_tokens=4, image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
    )  # fmt: skip
    return hf.Blip2ForConditionalGeneration(config), processor


@family("instructblip", plain=line())
def instructblip() -> tuple[Any, Any]:
    tokenizer = tokens("<image>", bos=True)
    processor = hf.InstructBlipProcessor(
        square(hf.BlipImageProcessorPil), tokenizer, qformer_tokenizer=tokens(bos=True), num_query_tokens=4
    )
    config = hf.InstructBlipConfig(
        vision_config=tower(hf.InstructBlipVisionConfig), qformer_config=asking(hf.InstructBlipQFormerConfig),
        text_config=opt(tokenizer), num_query_tokens=4, image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
    )  # fmt: skip
    return hf.InstructBlipForConditionalGeneration(config), processor


@family("blip", plain=line(), encodes=True)
def blip() -> tuple[Any, Any]:
    tokenizer = tokens(bos=True)
    language = hf.BlipTextConfig(
        vocab_size=len(tokenizer), hidden_size=WIDTH, encoder_hidden_size=WIDTH, intermediate_size=WIDTH,
        projection_dim=WIDTH, num_hidden_layers=2, num_attention_heads=2, max_position_embeddings=512,
        bos_token_id=1, eos_token_id=2, sep_token_id=2, pad_token_id=0,
    )  # fmt: skip
    config = hf.BlipConfig(
        text_config=language, vision_config=tower(hf.BlipVisionConfig, projection_dim=WIDTH), projection_dim=WIDTH
    )
    return hf.BlipForQuestionAnswering(config), hf.BlipProcessor(square(hf.BlipImageProcessorPil), tokenizer)


@family("kosmos2", plain=line("Question: {} Answer:"))
def kosmos2() -> tuple[Any, Any]:
    tokenizer = tokens("<image>")
    processor = hf.Kosmos2Processor(clip_pixels(), tokenizer, 4)
    config = hf.Kosmos2Config(
        text_config={
            "vocab_size": len(tokenizer), "max_position_embeddings": 512, "embed_dim": WIDTH, "layers": 2,
            "ffn_dim": WIDTH, "attention_heads": 2, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2,
            "dropout": 0.0, "attention_dropout": 0.0,
        },
        vision_config=tower(hf.models.kosmos2.configuration_kosmos2.Kosmos2VisionConfig).to_dict(),
        latent_query_num=64,
    )  # fmt: skip
    return hf.Kosmos2ForConditionalGeneration(config), processor


def written(tokenizer: Any, encoder: Any, decoder: Any) -> Any:
    config = hf.VisionEncoderDecoderConfig.from_encoder_decoder_configs(encoder, decoder)
    model = hf.VisionEncoderDecoderModel(config)
    model.config.decoder_start_token_id = model.generation_config.decoder_start_token_id = 1
    model.config.pad_token_id, model.config.eos_token_id = 0, 2
    model.config.vocab_size = len(tokenizer)
    return model


@family("donut", core=True, plain=docvqa, narrow=True)
def donut() -> tuple[Any, Any]:
    tokenizer = tokens("<s_docvqa>", "<s_question>", "</s_question>", "<s_answer>", "</s_answer>", bos=True)
    swin = hf.DonutSwinConfig(
        image_size=[4 * SIDE // 2, 4 * SIDE // 2], patch_size=7, embed_dim=8, depths=[1, 1], num_heads=[2, 2],
        window_size=2, mlp_ratio=1.0,
    )  # fmt: skip
    decoder = hf.MBartConfig(
        vocab_size=len(tokenizer), d_model=WIDTH, decoder_layers=1, decoder_attention_heads=2, decoder_ffn_dim=WIDTH,
        encoder_layers=1, encoder_attention_heads=2, encoder_ffn_dim=WIDTH, max_position_embeddings=512,
        is_decoder=True, add_cross_attention=True, is_encoder_decoder=False, pad_token_id=0, bos_token_id=1,
        eos_token_id=2, forced_eos_token_id=2, dropout=0.0,
    )  # fmt: skip
    pixels = square(hf.DonutImageProcessorPil)
    pixels.size = type(pixels.size)(height=2 * SIDE, width=2 * SIDE)
    return written(tokenizer, swin, decoder), hf.DonutProcessor(pixels, tokenizer)


@family("trocr", plain=transcribe, encodes=True)
def trocr() -> tuple[Any, Any]:
    tokenizer = tokens(bos=True, eos=True)
    decoder = hf.TrOCRConfig(
        vocab_size=len(tokenizer), d_model=WIDTH, decoder_layers=1, decoder_attention_heads=2, decoder_ffn_dim=WIDTH,
        max_position_embeddings=64, is_decoder=True, add_cross_attention=True, pad_token_id=0, bos_token_id=1,
        eos_token_id=2, decoder_start_token_id=2, cross_attention_hidden_size=WIDTH, dropout=0.0,
    )  # fmt: skip
    return written(tokenizer, tower(hf.ViTConfig), decoder), hf.TrOCRProcessor(
        square(hf.ViTImageProcessorPil), tokenizer
    )


@family("pix2struct", plain=line(), narrow=True)
def pix2struct() -> tuple[Any, Any]:
    tokenizer = tokens(eos=True)
    config = hf.Pix2StructConfig(
        text_config={
            "vocab_size": len(tokenizer), "hidden_size": WIDTH, "d_kv": 8, "d_ff": WIDTH, "num_layers": 2,
            "num_heads": 2, "pad_token_id": 0, "eos_token_id": 2, "decoder_start_token_id": 0, "dropout_rate": 0.0,
        },
        vision_config={
            "hidden_size": WIDTH, "patch_embed_hidden_size": 3 * 16, "d_ff": WIDTH, "d_kv": 8, "num_hidden_layers": 2,
            "num_attention_heads": 2, "seq_len": 128,
        },
    )  # fmt: skip
    pixels = hf.Pix2StructImageProcessorPil(patch_size={"height": 4, "width": 4}, max_patches=16)
    return hf.Pix2StructForConditionalGeneration(config), hf.Pix2StructProcessor(pixels, tokenizer)


@family("git", core=True, plain=line("<s>{}", add_special_tokens=False))
def git() -> tuple[Any, Any]:
    tokenizer = tokens(bos=True, eos=True)
    config = hf.GitConfig(
        vision_config=tower(hf.GitVisionConfig).to_dict(), vocab_size=len(tokenizer), hidden_size=WIDTH,
        num_hidden_layers=2, num_attention_heads=2, intermediate_size=WIDTH, max_position_embeddings=512,
        pad_token_id=0, bos_token_id=1, eos_token_id=2, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
    )  # fmt: skip
    return hf.GitForCausalLM(config), hf.GitProcessor(clip_pixels(), tokenizer)


@family("vilt", core=True, plain=line(), narrow=True)
def vilt() -> tuple[Any, Any]:
    tokenizer = tokens(bos=True, eos=True)
    config = hf.ViltConfig(
        vocab_size=len(tokenizer), max_position_embeddings=200, hidden_size=WIDTH, num_hidden_layers=2,
        num_attention_heads=2, intermediate_size=WIDTH, image_size=SIDE, patch_size=PATCH,
        id2label={number: f"answer {number}" for number in range(8)},
    )  # fmt: skip
    pixels = hf.ViltImageProcessorPil(size={"shortest_edge": SIDE}, size_divisor=PATCH)
    return hf.ViltForQuestionAnswering(config), hf.ViltProcessor(pixels, tokenizer)
