"""The words of the sample: forms with several readings, and ordinary names."""

# What a picture shows -> the type of the thing named; "" where naming it names no entity.
TYPES = {
    "person": "PER",
    "place": "LOC",
    "motor": "ORG",
    "rocket": "MISC",
    "page": "MISC",
    "flower": "",
    "coffee": "",
    "cat": "",
    "coins": "",
    "grass": "",
    "gravel": "",
}


def _words(text: str) -> list[str]:
    return text.split()


def _names(text: str) -> list[str]:
    return [" ".join(name.split()) for name in text.split(",")]


def _spread(names: list[str]) -> list[str]:
    """Mix the alphabet, so that the names kept back for a split do not all start with Z."""
    return [name for start in range(7) for name in names[start::7]]


# readings -> forms that can be read in all of these ways. The last fifth of a list is for test
# alone, the tenth before it for valid alone (see `forms_of_split` in make_sample.py).
AMBIGUOUS: dict[tuple[str, ...], list[str]] = {
    ("person", "place"): _words(
        "jordan paris sydney florence georgia dallas madison charlotte adelaide "
        "victoria verona milan orlando carolina houston jackson aspen kingston "
        "denver kent chester israel camden hamilton wellington eden salem "
        "virginia chelsea savannah brooklyn vienna siena devon troy geneva"
    ),
    ("person", "flower"): _words(
        "daisy rose lily iris jasmine poppy marigold dahlia petunia camellia "
        "primrose violet heather magnolia"
    ),
    ("person", "motor"): _words(
        "harley morgan mercedes ariel vincent douglas scott henderson ford royce "
        "bentley norton dodge porter"
    ),
    ("person", "page"): _words(
        "emma rebecca carrie kim heidi tess pamela coraline shirley ivanhoe "
        "lolita matilda clarissa romola"
    ),
    ("person", "rocket"): _words("juno dawn apollo orion ariane athena minerva vega aurora"),
    ("person", "coins"): _words("penny mark frank sterling bob rand noble"),
    ("person", "gravel"): _words("rocky clay sandy cliff pebbles flint"),
    ("person", "grass"): _words("reed clover heath moss meadow"),
    ("person", "cat"): _words("ginger kitty tom felix tabby"),
    ("place", "coffee"): _words("java mocha kona harrar santos antigua sidamo sumatra"),
    ("place", "page"): _words("casablanca chicago fargo walden gilead middlemarch manhattan"),
    ("place", "rocket"): _words("columbia europa saturn atlantis"),
    ("motor", "cat"): _words("jaguar cougar tiger bobcat cheetah leopard lynx puma panther"),
    ("motor", "flower"): ["lotus"],
    ("place", "motor"): _words("plymouth cadillac pontiac seville"),
    ("person", "place", "motor"): _words("lincoln austin"),
}

FIRST_NAMES = _words(
    """
    Aaliyah Abdul Aiko Alan Alejandra Alice Amara Amir Ana Anders Andrea Anika Anton Arjun Arthur
    Astrid Ayesha Beatriz Ben Bianca Boris Brenda Bruno Callum Carlos Cedric Chen Chiara Claire
    Connor Cristina Dafna Dalia Damian Daniel Deepa Derek Diego Dmitri Donna Ebony Edith Eduardo
    Elena Elias Emeka Enrique Erik Esther Fatima Felipe Fiona Francesca Gareth Gemma Gloria Goran
    Greta Gustav Hannah Haruto Hassan Helena Henrik Hiroshi Hugo Ibrahim Imani Ines Ingrid Isaac
    Isla Ivan Jamal Janet Javier Jelena Jerome Joanna Joon Jorge Jules Julia Kamala Karim Katya
    Keisha Kenji Kiran Klaus Lamar Lars Laura Leila Lena Liam Linh Lorenzo Lucia Ludwig Maeve
    Magnus Mahmoud Malik Manuel Marco Margot Marta Mateo Mei Mikael Mina Miriam Mohammed Monique
    Nadia Naomi Natasha Nia Nikhil Nina Noor Olga Oliver Omar Oscar Owen Pablo Patrick Paula Pedro
    Pelle Petra Priya Quentin Rafael Rahul Raquel Rasmus Renata Ricardo Rosa Rohan Ruben Sabrina
    Samir Sanjay Saskia Selma Sergio Shauna Simon Sofia Sonia Stefan Suki Sunita Svetlana Tamika
    Tanya Tariq Teresa Thandi Theo Tomas Trevor Ulrike Umar Valentina Vanessa Viktor Wanda Wei
    Xavier Yara Yasmin Yuki Yusuf Zahra Zainab Zoltan
    """
)

SURNAMES = _words(
    """
    Abbott Adeyemi Ahmed Albrecht Alvarez Andersson Archer Baptiste Barker Becker Bergman Bianchi
    Blake Bose Brennan Brooks Burke Calloway Campos Carver Castillo Chandra Chang Choi Clarke Cohen
    Conti Cruz Dalton Delgado Desai Diaz Doyle Dubois Eriksen Espinoza Farah Farrell Fernandes
    Fischer Flores Fontaine Gallagher Garcia Ghosh Gibbs Goldberg Gomez Gupta Haddad Hansen Harper
    Hayashi Herrera Hoffmann Hughes Hussain Ivanov Iyer Jansen Jensen Joshi Kapoor Kaur Keller
    Khan Kimura Klein Kovacs Kowalski Kumar Larsen Leclerc Lindgren Lopes Lowell MacLeod Malhotra
    Marino Mbeki McKenna Mehta Mendes Miller Moreau Mukherjee Murphy Nair Nakamura Navarro Nguyen
    Nilsson Novak Nowak Obi Ogawa Okafor Okonkwo Olsen Ortega Osborne Pacheco Park Patel Pereira
    Petrov Popescu Prakash Qureshi Ramos Rao Reyes Richter Rinaldi Romero Rossi Ruiz Sahin Saito
    Salazar Sandoval Sato Schmidt Sharma Silva Singh Soto Sousa Stein Suzuki Tanaka Thapa Thorsen
    Torres Tran Turner Usman Vargas Vasquez Villanueva Vogel Wagner Watanabe Weber Whitfield
    Yamamoto Yilmaz Zapata Zhang Zimmermann
    """
)

PLACES = _names(
    """
    Amsterdam, Athens, Bali, Bangkok, Barcelona, Beirut, Belfast, Berlin, Bogota, Boston, Brazil,
    Brighton, Brussels, Budapest, Buenos Aires, Cairo, California, Canada, Cape Town, Cardiff,
    Chennai, Chile, Cleveland, Cologne, Copenhagen, Costa Rica, Croatia, Cuba, Cyprus, Delhi,
    Detroit, Dubai, Dublin, Durban, Edinburgh, Egypt, Ethiopia, Fiji, Finland, Ghana, Glasgow,
    Greece, Hamburg, Hanoi, Havana, Hawaii, Helsinki, Hong Kong, Iceland, Ireland, Istanbul, Italy,
    Jakarta, Jamaica, Krakow, Kyoto, Lagos, Lake Tahoe, Leeds, Lima, Lisbon, Liverpool, London,
    Los Angeles, Madrid, Malaysia, Malta, Manchester, Manila, Marrakech, Melbourne, Mexico City,
    Miami, Minneapolis, Montreal, Morocco, Moscow, Mumbai, Munich, Nairobi, Naples, Nepal,
    New Orleans, New York, New Zealand, Nigeria, Norway, Oregon, Oslo, Ottawa, Peru, Philadelphia,
    Pittsburgh, Poland, Portland, Portugal, Prague, Quebec, Quito, Reykjavik, Rio de Janeiro, Rome,
    Rotterdam, San Diego, San Francisco, Santiago, Sao Paulo, Sarajevo, Scotland, Seattle, Senegal,
    Seoul, Shanghai, Sheffield, Sicily, Singapore, Slovenia, Sri Lanka, Stockholm, Sweden, Taipei,
    Tasmania, Texas, Thailand, Tokyo, Toronto, Tunis, Turin, Uganda, Utah, Valencia, Vancouver,
    Venice, Vietnam, Warsaw, York, Zagreb, Zanzibar, Zurich
    """
)

ORGANISATIONS = _names(
    """
    Adidas, Air France, Airbnb, Airbus, Amazon, Arsenal, Aston Villa, Atletico Madrid,
    Bayern Munich, BBC, Boeing, Boston Celtics, Burger King, Canon, Chicago Bulls, Cisco, CNN,
    Costco, Dallas Cowboys, Dell, Denver Broncos, DHL, Disney, Dortmund, Dropbox, Duolingo, EasyJet,
    Ericsson, Everton, Facebook, FedEx, Fiat, FIFA, Fujitsu, Gap, Goldman Sachs, Google,
    Green Bay Packers, Greenpeace, Harvard University, HBO, Heineken, Honeywell, Huawei, IBM, IKEA,
    Intel, Juventus, Kellogg, KLM, LA Lakers, Lego, Leicester City, Lufthansa, Lyft,
    Manchester United, Marvel, McDonalds, Miami Heat, Microsoft, MIT, Motorola, NASA, NBA, NBC,
    Nescafe, Netflix, New York Knicks, NHS, Nike, Nintendo, Nokia, Oxfam, Panasonic, PayPal, Pepsi,
    Pfizer, Philips, Pinterest, Pittsburgh Steelers, Pixar, Qantas, Real Madrid, Red Cross, Reddit,
    Reuters, Ryanair, Samsung, San Antonio Spurs, Siemens, Sky News, Sony, SpaceX, Spotify,
    Stanford University, Starbucks, Tesco, Toronto Raptors, Toyota, Twitter, Uber, UEFA, UNESCO,
    UNICEF, Unilever, Verizon, Vodafone, Volvo, Walmart, West Ham, WHO, Xerox, Yahoo,
    Yale University, YouTube, Zara, Zoom
    """
)

TITLES = _names(
    """
    Academy Awards, Alien, Avatar, BAFTA, Batman, Black Friday, Blade Runner, Breaking Bad, Brexit,
    Call of Duty, Champions League, Christmas, Coachella, Comic Con, Copa America, Diwali,
    Doctor Who, Downton Abbey, Easter, Eurovision, Fallout, FIFA 17, Finding Nemo, Frozen,
    Game of Thrones, Ghostbusters, Glastonbury, Godzilla, Good Friday, Grammys, Grand Prix,
    Halloween, Hanukkah, Harry Potter, Homeland, Inception, Indiana Jones, iPad, iPhone,
    Jurassic Park, Kindle, Kung Fu Panda, Labor Day, Lion King, Lord of the Rings, Mario Kart,
    Minecraft, Moana, New Year, Nobel Prize, Oktoberfest, Olympics, Oscars, PlayStation, Pokemon Go,
    Pride Month, Pulp Fiction, Ramadan, Royal Ascot, Sherlock, Simpsons, Spider-Man,
    St Patricks Day, Star Trek, Star Wars, Stranger Things, Super Bowl, Superman, Tetris,
    Thanksgiving, Titanic, Top Gun, Tour de France, Toy Story, US Open, Valentines Day,
    Walking Dead, Wall-E, Westworld, Wimbledon, World Cup, World Series, X Factor, Xbox, Zelda,
    Zootopia
    """
)

# slot in a sentence -> ordinary names of that type
NAMES = {
    "FIRST": _spread(FIRST_NAMES),
    "LAST": _spread(SURNAMES),
    "LOC": _spread(PLACES),
    "ORG": _spread(ORGANISATIONS),
    "MISC": _spread(TITLES),
}
