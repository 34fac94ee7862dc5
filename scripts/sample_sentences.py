"""The sentences of the sample, as token templates written for it."""


def _words(text: str) -> list[str]:
    return text.split()


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.strip().splitlines()]


# Sentences that fit whatever {x} (and {y}) may be: the picture alone decides the reading.
OPEN_FRAMES = _lines(
    """
    missing {x} already
    thinking of {x} all day
    nothing beats {x} on a monday
    {x} at last !
    {x} on the table and everybody is happy
    today is all about {x}
    can't get enough of {x}
    look what we found this morning : {x}
    {x} never gets old
    in love with {x} right now
    {x} makes everything better
    good morning from me and {x}
    another photo of {x} , sorry
    here is {x} again
    {x} looks great in this light
    waiting for {x} since last week
    who else loves {x} ?
    so happy about {x} today
    {x} was worth the wait
    this is {x} . that is the whole post
    say hello to {x}
    they told me about {x} and they were right
    my favourite {x} picture of the year
    {x} today , no filter
    finally got to see {x} up close
    dreaming of {x} since last night
    can we talk about {x} for a minute
    more {x} please
    no day without {x}
    this weekend : {x} and nothing else
    {x} > everything
    i keep coming back to {x}
    proof that {x} is real
    guess who took a picture of {x}
    been waiting all year to post {x}
    the one and only {x}
    {x} and {y} in one day
    it is always {x} or {y} with me
    {x} or {y} ? tell me
    first {x} , then {y}
    what would i do without {x} and {y}
    not sure if i like {x} more than {y}
    """
)

# Sentences that say themselves what is meant. Slots in capitals are ordinary names (PER is a first
# name with or without a surname); slots in small letters are ambiguous forms in the reading that
# the slot is named after.
CLEAR_SENTENCES = _lines(
    """
    happy birthday {PER} , love you
    so proud of my brother {PER} , he passed his exam
    {PER} scored twice in the second half
    dinner with my friend {PER} tonight
    {PER} just told me the best joke ever
    interview with {PER} is up on the blog
    my cousin {PER} got married in {LOC}
    {PER} and her sister {PER} are coming over
    thanks {PER} for the lovely card
    {PER} moved from {LOC} to {LOC} last summer
    our teacher {PER} retires this week
    {PER} will sing at {MISC} tonight
    the mayor {PER} opened the new library
    {PER} signed with {ORG} yesterday
    {PER} says hi from {LOC}
    congrats to {PER} on the new job at {ORG}
    my aunt {person} {LAST} bakes the best cakes
    mr {person} {LAST} teaches maths at our school
    my little sister {person} turned nine today
    {person} {LAST} wrote me a long letter
    our neighbour {person} lost his keys again
    her daughter {person} started school today
    flight to {LOC} got cancelled again
    it has been raining in {LOC} all week
    best street food in {LOC} , trust me
    greetings from sunny {LOC}
    traffic in {LOC} is a nightmare today
    train from {LOC} to {LOC} is late
    just landed in {LOC} and it is freezing
    the museum in {LOC} is free on sundays
    anyone know a cheap hostel in {LOC} ?
    the people who live in {place} are so kind
    we flew to {place} for the weekend
    road trip from {place} to {LOC} starts now
    population of {place} has doubled since 1990
    {ORG} is hiring again , send your cv
    {ORG} just released the quarterly numbers
    customer service at {ORG} is a joke
    {ORG} beat {ORG} three to one
    new job at {ORG} starts on monday
    the {ORG} website is down for me
    strike at {ORG} enters the second week
    shares of {motor} fell by two percent
    the {motor} company opens a plant near {LOC}
    workers at {motor} voted for the new contract
    watching {MISC} with the kids tonight
    can't believe {MISC} is almost here
    got two tickets for {MISC} !
    who is watching {MISC} later ?
    the new trailer for {MISC} looks amazing
    where are you spending {MISC} this year ?
    just finished chapter ten of {page} , great novel
    our book club is reading {page} this month
    the {rocket} mission lifted off on time
    engineers tested the {rocket} booster overnight
    put a fresh {flower} in the vase by the window
    planted a {flower} in the back garden
    the {flower} seeds need water and sun
    a strong cup of {coffee} before work
    the {coffee} beans were roasted this morning
    the {cat} at the zoo slept all afternoon
    our cat is a {cat} with white paws
    found a {coins} coin under the sofa
    paid with an old {coins} coin at the market
    there is {grass} all over the lawn again
    we need {gravel} and sand for the garden path
    so tired today , early night for me
    what a week , time for a nap
    the wifi is down again and i have a deadline
    who wants the last slice of pizza ?
    my phone died in the middle of the call
    not a single cloud in the sky today
    anyone else awake at this hour ?
    """
)

HASHTAGS = _words(
    """
    #monday #weekend #nofilter #throwback #mood #blessed #picoftheday #love #sunday #goals
    #tbt #photo #fun #happy #morning #goodvibes #instagood #wow
    """
)
EMOJI = _words("😂 😍 🙌 🔥 😭 ❤️ 😊 🎉 👀 🙏 😎 💯 ✨ 🤔 😴 👍🏽")
EXCLAMATIONS = _words("lol omg wow haha yesss ugh smh tbh !! ... :) <3 rt")
USER_PARTS = (
    _words("sunny night lucky tiny happy lazy cosmic paper silver quiet crazy little"),
    _words("fox bean cloud otter panda noodle robot kiwi pixel owl biscuit wave"),
)

# Spellings that people type in place of the dictionary's.
SHORT_FORMS = {
    "you": "u",
    "are": "r",
    "please": "pls",
    "for": "4",
    "and": "&",
    "people": "ppl",
    "tonight": "2nite",
    "about": "abt",
    "without": "w/o",
    "what": "wat",
    "today": "2day",
    "love": "luv",
    "the": "da",
}
