"""Words that name nobody: only they are kept of texts that are cleaned (PS3.15, E.3.5, Clean Descriptors)."""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["STANDARD_SCHEMES", "WORDS", "clean_text", "is_harmless", "words_of"]

# A text is known to be clean if all its words are: a list of names that must not appear is never complete.
WORDS = frozenset(
    re.findall(
        r"\S+",
        """
    abd abdomen abdominal abdominopelvic abscess acl acpc acq acquisition acute ad adc adrenal adult after air
    airway anatomical anatomy angio angiogram angiography ankle anterior aorta aortic ap apex apical appendix arm
    arterial artery arthrogram asl atrial atrium attenuation averaged ax axial axilla axillary b back balloon
    baseline before bilateral biopsy bladder blood bold bolus bone bones bowel brain breast bronchus bw c cad
    calcaneus calcification calcium cap cardiac carotid carpal cavity cc cerebral cerebrum cervical cervix cest
    chest cine circle clavicle clinical cm coccyx coil colon color colour comparison compression contrast contrasted
    control cor coronal coronary corrected cr cranial csf ct cta ctac ctc ctp cut cyst d de delay delayed density
    derived dermoscopy descending detail diagnosis diagnostic diastole diastolic diffusion digital dir disc disk
    distal doppler dose dr dti dual ductus duodenum dwell dwi dx dynamic ear early ecg echo edema eeg effusion ekg
    elbow enhanced enhancement enterography epi epigastric es esophagus esti exam examination expiration extremity
    eye face fast fat female femoral femur fetal fetus ffdm fibula fiducial field filter filtered finger fingers
    first fl flair flap flash flexion flow fluoro fluoroscopy fmri foot for fourth fov fracture frame frequency
    frontal full fundus fused fusion gallbladder gastric gated gating gd gland gradient gre groin h hand hands head
    heart heel hemorrhage hepatic hernia high hip hips hires horizontal humerus hx image images imaging implant in
    infarct inferior infusion inguinal injection inspiration internal interventional intestine intracranial
    intravenous inversion io iso iv ivc jaw joint joints kidney kidneys knee knees kub kv l l1 l2 l3 l4 l5 large
    laryngeal larynx lat late lateral laterality left leg legs lesion lesions lesser ligament limb lip liver lobe
    loc localiser localizer long lordotic lossless lossy low lower lumbar lumbosacral lung lungs lymph m magnitude
    main male mammogram mammography mandible map mapping maps marker mass mastoid maxilla maxillofacial mdct mean
    med medial mediastinum medium meniscus mesentery metal mg mip ml mlo mm modality monochrome motion mpr mprage mr
    mra mri mrv ms multi multiphase muscle myocardial myocardium nasal native navicular navigator neck neuro nm node
    nodes nodule noncontrast none normal nose not number obl oblique occipital odc odontoid of on onco one opt optic
    or oral orbit orbital orbits original osseous other out ovarian ovary pa pacs pancreas parallel paranasal
    paravertebral parietal patella pd pediatric pelvic pelvis penis percutaneous perfusion pet phantom pharynx phase
    pituitary plain plane planning portable portal position post posterior postoperative pre preoperative primary
    processed projection prone prostate proximal psma pt pulmonary pulse qc quality quantitative quick r radial
    radiograph radiotherapy radius rao raw recon reconstruction rectal rectum reference reformat reformatted region
    renal report resolution rest resting result retina rf rgb rib ribs right rigid roi roll rotated rotation routine
    row rt s sacral sacrum sag sagittal sc scan scaphoid scapula scout screening scrotum se second secondary section
    segment segmentation sella sense sequence series short shoulder shoulders side sinus sinuses size skin skull
    slab slice slices small smart smear soft spect sphenoid spin spine spiral spleen spot st standard standing
    static stenosis stent stereotactic sternum stir stomach stress stroke structured study subclavian subtracted
    subtraction sum superficial superior supine suprapubic surface survey suv swan swi sws systole t t1 t1w t2 t2w
    tagging te temporal tension test testis therapy thick thickness thigh thin third thoracic thorax thumb thyroid
    tibia time tir tirm tissue toe toes tof tomo tomography tomosynthesis tongue topogram total tra trace trachea
    tracheal transverse trauma treatment tse tumor tumors tumour two type ulna ultrasound unilateral unknown upper
    ureter urethra urinary urogram us uterus vagina valve vascular vein venogram venous ventral ventricle
    ventricular vertebra vertebrae vertical vessel vibe view views voiding volume water wb weight weighted whole
    width window with without wo wrist x xa xr xray zoom
    """,
    )
)
# Schemes of PS3.16, 8: their codes and meanings are published.
STANDARD_SCHEMES = frozenset(
    (
        *("ACR", "BI", "DCM", "DCMUID", "FMA", "I10", "I10P", "I9", "I9C", "ICD10", "ICDO3", "ISO639_1", "ISO3166_1"),
        *("LN", "MA", "MDC", "MSH", "NCDR", "NCIT", "NDC", "NEU", "RADLEX", "RXNORM", "SCT", "SNM3", "SRT", "UBERON"),
        *("UCUM", "UMLS", "UNS"),
    )
)
_WORD = re.compile(r"[^\W_]+", re.UNICODE)
# Numbers that are sizes, counts, angles or b values. Longer ones may be numbers of people or dates.
_QUANTITY = re.compile(r"\d{1,4}(?:mm|cm|ml|mg|kv|s|ms|mt|d|x|t)?", re.IGNORECASE)


def words_of(text: str) -> list[str]:
    """Return the words of a text."""
    return _WORD.findall(text)


def _is_known(word: str, more: frozenset[str]) -> bool:
    lower = word.lower()
    return lower in WORDS or lower in more or (len(word) < 5 and _QUANTITY.fullmatch(word) is not None)


def is_harmless(text: str, more: frozenset[str] = frozenset()) -> bool:
    """Whether all words of a text are in the vocabulary."""
    return all(_is_known(word, more) for word in words_of(text))


def clean_text(text: str, more: Iterable[str] = ()) -> str:
    """Return a text without the words that are not in the vocabulary.

    Parameters
    ----------
    text : str
        Any text.
    more : iterable of str
        More words to keep, in lower case.
    """
    kept = frozenset(more)
    # A number beside another number may be a part of a date or of a telephone number.
    words = words_of(text)
    result = []
    for i, word in enumerate(words):
        if not _is_known(word, kept):
            continue
        if word.isdigit() and any(other.isdigit() for other in (*words[max(i - 1, 0) : i], *words[i + 1 : i + 2])):
            continue
        result.append(word)
    return " ".join(result)
