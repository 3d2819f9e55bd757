/** What follows a key-like name and makes it the name of something else: `API_KEY_ID`, `tokenUrl`, `secret-hash`. */
const other = new Set(
  (
    "id ids uid uuid guid name names file files path paths dir folder url uri urls host hostname endpoint domain origin hash hashes hashed digest sha " +
    "sha1 sha256 sha512 md5 checksum fingerprint thumbprint signature header headers prefix prefixes suffix pattern regex regexp re length len size type " +
    "types kind format formats algorithm alg encoding expiry expires expiration expired ttl timeout duration age count limit quota status state label " +
    "description desc title help hint message error placeholder example sample ref refs reference arn alias location created updated deleted " +
    "used at by on date time timestamp policy scope scopes role roles user username email public pub publishable index field column param " +
    "parameter params provider manager store storage vault list map set required enabled disabled valid invalid input option options config settings " +
    "schema model class func function handler service factory builder callback cache request response query spec owner issuer audience version rotation"
  ).split(" "),
);

/** What a name has behind it where there are several of its kind: environments, regions, numbers, uses. */
const variants = new Set(
  (
    "value val str string text plain raw default main primary secondary fallback backup bak alt spare extra shared personal team company org prod " +
    "production prd stg stage staging dev develop development test testing qa uat int live demo local sandbox beta preview canary old new legacy prev " +
    "previous current next temp tmp rotated eu us uk de fr ca jp au in sg apac emea global east west north south central ci cd cli api app web " +
    "server client backend frontend worker internal external admin bot readonly ro rw read write one two three a b c"
  ).split(" "),
);

/**
 * Whether a name that ends so still holds the secret itself. Where only the name speaks for the value (`knownOnly`), what is
 * appended must be one of the usual words.
 */
export function isVariant(suffix: string, knownOnly: boolean): boolean {
  const words = suffix.match(/[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+/g) ?? [];
  return words.every((word) => {
    const plain = word.toLowerCase();
    return !other.has(plain) && (!knownOnly || variants.has(plain) || /^(?:\d{1,3}|v)$/.test(plain));
  });
}
