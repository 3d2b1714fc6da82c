"""The languages that Whisper knows: its codes, nearly all of ISO 639-1, and English names."""

_TABLE = """
af=afrikaans am=amharic ar=arabic as=assamese az=azerbaijani ba=bashkir be=belarusian
bg=bulgarian bn=bengali bo=tibetan br=breton bs=bosnian ca=catalan cs=czech cy=welsh da=danish
de=german el=greek en=english es=spanish et=estonian eu=basque fa=persian fi=finnish fo=faroese
fr=french gl=galician gu=gujarati ha=hausa haw=hawaiian he=hebrew hi=hindi hr=croatian
ht=haitian_creole hu=hungarian hy=armenian id=indonesian is=icelandic it=italian ja=japanese
jw=javanese ka=georgian kk=kazakh km=khmer kn=kannada ko=korean la=latin lb=luxembourgish
ln=lingala lo=lao lt=lithuanian lv=latvian mg=malagasy mi=maori mk=macedonian ml=malayalam
mn=mongolian mr=marathi ms=malay mt=maltese my=myanmar ne=nepali nl=dutch nn=nynorsk
no=norwegian oc=occitan pa=punjabi pl=polish ps=pashto pt=portuguese ro=romanian ru=russian
sa=sanskrit sd=sindhi si=sinhala sk=slovak sl=slovenian sn=shona so=somali sq=albanian
sr=serbian su=sundanese sv=swedish sw=swahili ta=tamil te=telugu tg=tajik th=thai tk=turkmen
tl=tagalog tr=turkish tt=tatar uk=ukrainian ur=urdu uz=uzbek vi=vietnamese yi=yiddish yo=yoruba
yue=cantonese zh=chinese
"""
LANGUAGES = dict(entry.replace("_", " ").split("=") for entry in _TABLE.split())

_THREE_LETTERS = """
aa=aar ab=abk ae=ave af=afr ak=aka am=amh an=arg ar=ara as=asm av=ava ay=aym az=aze ba=bak be=bel
bg=bul bh=bih bi=bis bm=bam bn=ben bo=bod br=bre bs=bos ca=cat ce=che ch=cha co=cos cr=cre cs=ces
cu=chu cv=chv cy=cym da=dan de=deu dv=div dz=dzo ee=ewe el=ell en=eng eo=epo es=spa et=est eu=eus
fa=fas ff=ful fi=fin fj=fij fo=fao fr=fra fy=fry ga=gle gd=gla gl=glg gn=grn gu=guj gv=glv ha=hau
he=heb hi=hin ho=hmo hr=hrv ht=hat hu=hun hy=hye hz=her ia=ina id=ind ie=ile ig=ibo ii=iii ik=ipk
io=ido is=isl it=ita iu=iku ja=jpn jv=jav jw=jav ka=kat kg=kon ki=kik kj=kua kk=kaz kl=kal km=khm
kn=kan ko=kor kr=kau ks=kas ku=kur kv=kom kw=cor ky=kir la=lat lb=ltz lg=lug li=lim ln=lin lo=lao
lt=lit lu=lub lv=lav mg=mlg mh=mah mi=mri mk=mkd ml=mal mn=mon mr=mar ms=msa mt=mlt my=mya na=nau
nb=nob nd=nde ne=nep ng=ndo nl=nld nn=nno no=nor nr=nbl nv=nav ny=nya oc=oci oj=oji om=orm or=ori
os=oss pa=pan pi=pli pl=pol ps=pus pt=por qu=que rm=roh rn=run ro=ron ru=rus rw=kin sa=san sc=srd
sd=snd se=sme sg=sag si=sin sk=slk sl=slv sm=smo sn=sna so=som sq=sqi sr=srp ss=ssw st=sot su=sun
sv=swe sw=swa ta=tam te=tel tg=tgk th=tha ti=tir tk=tuk tl=tgl tn=tsn to=ton tr=tur ts=tso tt=tat
tw=twi ty=tah ug=uig uk=ukr ur=urd uz=uzb ve=ven vi=vie vo=vol wa=wln wo=wol xh=xho yi=yid yo=yor
za=zha zh=zho zu=zul
"""
_OF_TWO = dict(entry.split("=") for entry in _THREE_LETTERS.split())
"""ISO 639-1 to ISO 639-2/T, by the Library of Congress, and Whisper's ``jw`` for Javanese."""

UNKNOWN = "und"
"""Of sound in which nothing was said: ISO 639-2's word for a language that is not determined."""


def name_of(code: str) -> str:
    """As OpenAI's answers have it: ``portuguese``."""
    return LANGUAGES.get(code, code)


def three_letters(code: str) -> str | None:
    """ISO 639-2/T's code of a language, as MP4 has it: ``por`` of ``pt``; None: there is none."""
    return code if len(code) == len(UNKNOWN) else _OF_TWO.get(code)
