export type Term = Readonly<{
  /** Matched without regard to case against a line, and against the line with `camelCase` and `snake_case` split into words. */
  pattern: RegExp;
  standard: string;
  /** Text that the pattern reports. */
  example: string;
}>;

/** Wording replaced by the standard term of the field. Every use outside of this file fails `make check`. */
export const vocabulary: readonly Term[] = [
  // Queues, retries and outages.
  term(/\bpatient[ -]tasks?\b/, 'RetryingQueue', 'PatientTasks'),
  term(/\bgrowing[ -]wait/, 'back-off', 'growingWaitMs'),
  term(/\b(?:rate budget|schedule for lease)\b/, 'rate limiter, ReconnectScheduler', 'RateBudget'),
  term(/\bcut text\b/, 'truncate', 'cutText'),
  term(/\bkeyed[ -]queue\b/, 'KeyedMutex', 'KeyedQueue'),
  term(/\bfelt\b/, 'failed; OutageMonitor.failure()', 'however often it is felt'),
  term(/\b(?:buried|bury|burial)\b/, 'dead-lettered', 'a buried job'),
  term(
    /\bput(?:s|ting)? (?:it |them )?(?:back|aside)\b/,
    'reschedule, set aside as dead letter, restore',
    'putBack',
  ),
  term(/\bin hand\b/, 'in flight', 'with this job in hand'),
  term(/\bhurr(?:y|ies|ied)\b/, 'run now', 'hurry'),
  term(/\bverdicts?\b/, 'settlement, result', 'the verdict of a job'),
  term(/\bhands free\b/, 'free slots', 'handsFree'),
  term(/\bsilent seconds\b/, 'heartbeatTimeoutSeconds', 'silentSeconds'),
  term(/\bpostponed error\b/, 'RetryLaterError', 'PostponedError'),
  term(/\bunprocessable error\b/, 'PermanentJobError', 'UnprocessableError'),
  term(/\bheeds?\b/, 'respects', 'heedsQuietHours'),
  term(/\bhand(?:ed|ing|s)?[ -]over\b/, 'dispatch, pass', 'handedOver'),
  term(/\bgive up waiting\b/, 'expire', 'giveUpWaiting'),
  term(/\bqueue[ -](?:rules|reports)\b/, 'retry-policy, dead-letters', 'queue-rules'),
  term(
    /\b(?:storable[ -]json|synced[ -]node[ -]fs|rpc[ -]endpoint)\b/,
    'jsonbSafe, PgliteFs, in-process PostgREST',
    'storable-json',
  ),
  term(/\bdatabase[ -]trouble\b/, 'database errors', 'database-trouble'),
  term(/\bby chance\b/, 'random, jitter', 'up to half of it less by chance'),
  term(
    /\b(?:nobody|no one) (?:waits|asks|knows)\b/,
    'in the background, unknown',
    'tasks that nobody waits for',
  ),
  term(/\bagain and again\b/, 'repeatedly', 'ended again and again'),

  // Encryption.
  term(/\b(?:re-?seal(?:s|ed|ing)?)\b/, 're-encrypt', 'resealing'),
  term(/\bsealed[ -](?:values?|context)\b/, 'encrypted values, encryption context', 'SealedValues'),
  term(/\bsecret[ -]box\b/, 'Keyring', 'SecretBox'),
  term(/\banew\b/, 'again', 'sealed anew'),
  term(/\b(?:count not under|forget replaced)\b/, 'countStale, compact', 'countNotUnder'),
  term(/\bsecretHash\b|secret-hash/, 'sha256Hex', 'secretHash'),
  term(/\bhashed uuid\b/, 'deterministicUuid', 'hashedUuid'),

  // Notifications and webhooks.
  term(/\btold\b/, 'notified, reported', 'assumedTold'),
  term(/\btells?\b/, 'reports, shows, returns', 'it tells of a change'),
  term(/\bnews of\b/, 'change, confirmationOrChange', 'newsOf'),
  term(/\bRecordWebhooks\b|\brecord-webhooks\b/, 'BookingSync', 'RecordWebhooks', ''),
  term(/\bWebhookStore\b|\bwebhook-store\b/, 'WebhookWriter', 'webhook-store', ''),
  term(/\bshown status\b|\bshown-status\b/, 'effective status', 'shownStatus'),
  term(/\breading begin\b/, 'sync_cursor_begin', 'reading_begin'),
  term(/\babout to look\b/, 'scheduled', 'aboutToLook'),
  term(/\bnotification[ -]rules\b/, 'notification settings', 'notification-rules'),
  term(/\boutgoing[ -]webhook[ -]rules\b/, 'outgoing webhook settings', 'outgoing-webhook-rules'),
  term(
    /\b(?:platform|url|restriction|deafness)[ -](?:watch|policy)\b/,
    'poller, check, monitor, watchdog',
    'restriction-watch',
  ),
  term(/\bclient[ -]answers\b/, 'client replies', 'client-answers'),
  term(/\bwebhook[ -]addresses\b/, 'WebhookAuthenticator', 'webhook-addresses'),
  term(/\btrust memory\b/, 'cacheFallback', 'trustMemory'),
  term(/\bsaid (?:once|twice)\b/, 'sent once, sent twice', 'no message was said twice'),

  // WhatsApp sessions.
  term(/\bborne\b/, 'tolerated; maxX', 'replacementsBorne'),
  term(/\bpatience\b/, 'tolerance', 'morePatience'),
  term(/\b(?:sweep lines|ask line|line dead|dead line)\b/, 'ping stalled sockets', 'A dead line is noticed'),
  term(/\bdecryptedBefore\b|decrypted-before/, 'DecryptedMessageCache', 'decrypted-before'),
  term(
    /\b(?:library[ -]rejections|prepare[ -]libraries|patched-prototype|chat[ -]keys|libsignal-(?:attempts|jobs|silence))\b/,
    'unhandled-rejections, install, monkey-patch, signal-transactions',
    'prepare-libraries',
  ),
  term(/\blinking[ -]demands\b|\bpairing[ -]secret\b/, 'ADV secret', 'pairing-secret'),
  term(
    /\b(?:quarantining rows|watched[ -]credential[ -]rows)\b/,
    'CredentialRepository, monitored-credentials',
    'QuarantiningRows',
  ),
  term(/\b(?:live[ -]qrs|event[ -]budget)\b/, 'qr-cache, socket-rate-limit', 'live-qrs'),
  term(/\battempts against rivals\b/, 'maxConflictRetries', 'attemptsAgainstRivals'),
  term(/\breconnect[ -]budget\b/, 'ReconnectScheduler', 'reconnect-budget'),
  term(
    /\b(?:connection[ -]slot|status[ -]board)\b/,
    'current connection, SessionStatusTracker',
    'StatusBoard',
  ),
  term(/\bwords (?:at rest|logged out|unerased)\b/, 'stateAtRest, stateAfterLogout', 'wordsAtRest'),
  term(/\bothers business\b/, 'ownedElsewhere', 'othersBusiness'),
  term(/(?<!reachout )\btime[ -]lock\b/, 'reachout timelock', 'TimeLock'),

  // Names of limits.
  term(/\b(?:most|usual|longest)[A-Z]/, 'maxX, defaultX', 'usualPauseMs', ''),

  // Test code.
  term(
    /\b(?:distant[ -]rows|heard[ -]texts|moved[ -]clock|time[ -]traveller)\b/,
    'slow-credentials, received-texts, clock-offset, fake-clock',
    'time-traveller',
  ),
  term(/\b(?:session[ -]world|small[ -]disk)\b/, 'session-fixture, full-disk', 'session-world'),

  // Paraphrase and personification.
  term(/\bwhoever\b/, 'the caller, clients that', 'whoever wanted to link'),
  term(/\bhears?\b|\bheard\b/, 'receives, received', 'a session that hears'),
  term(/\bmend(?:s|ed|ing)?\b/, 'fix, patch', 'mends the library'),
  term(/\bfares?\b/, 'does', 'how it fares'),
  term(/\bgo(?:es|ing)? on\b|\bwent on\b/, 'continue, recover', 'the outbox goes on'),
  term(/\b(?:needs|gets|have|has) a look\b|\ba look at it\b/, 'requires attention', 'a session needs a look'),
  term(/(?<!\bno dependencies )\bof (?:its|their|his|her) own\b/, 'own, separate', 'a process of its own'),
  term(/\bin vain\b/, 'without success', 'waited in vain'),
  term(/\bturned away\b/, 'rejected', 'callers are turned away'),
  term(/\bas before, and\b/, 'the complete statement', 'As before, and counts attempts'),
  term(/\bknows? by then\b/, 'the state at that time', 'what the client knows by then'),
  term(/\bsays nothing twice\b|\bimpatient finger\b/, 'sends nothing twice', 'says nothing twice'),
];

function term(pattern: RegExp, standard: string, example: string, flags = 'i'): Term {
  return { pattern: new RegExp(pattern.source, `${flags}u`), standard, example };
}
