//! Numerics of the Modern IRC document and of IRCv3's extensions, as far as Parlor has a use for them.

/// Registration is complete: the welcome.
pub const RPL_WELCOME: &str = "001";
/// The server's name and version.
pub const RPL_YOURHOST: &str = "002";
/// When the server was started.
pub const RPL_CREATED: &str = "003";
/// Server, version, user modes, room modes.
pub const RPL_MYINFO: &str = "004";
/// What the server supports.
pub const RPL_ISUPPORT: &str = "005";
/// How often a command was used.
pub const RPL_STATSCOMMANDS: &str = "212";
/// End of STATS.
pub const RPL_ENDOFSTATS: &str = "219";
/// One's own modes.
pub const RPL_UMODEIS: &str = "221";
/// How long the server has been up.
pub const RPL_STATSUPTIME: &str = "242";
/// Who may become an operator.
pub const RPL_STATSOLINE: &str = "243";
/// How many users there are.
pub const RPL_LUSERCLIENT: &str = "251";
/// How many operators are online.
pub const RPL_LUSEROP: &str = "252";
/// How many connections are not registered yet.
pub const RPL_LUSERUNKNOWN: &str = "253";
/// How many rooms there are.
pub const RPL_LUSERCHANNELS: &str = "254";
/// How many users this server has.
pub const RPL_LUSERME: &str = "255";
/// Whose administrators follow.
pub const RPL_ADMINME: &str = "256";
/// Where the server is.
pub const RPL_ADMINLOC1: &str = "257";
/// Who runs the server.
pub const RPL_ADMINLOC2: &str = "258";
/// How to reach who runs the server.
pub const RPL_ADMINEMAIL: &str = "259";
/// The command was dropped: try again later.
pub const RPL_TRYAGAIN: &str = "263";
/// Users on this server, now and at most.
pub const RPL_LOCALUSERS: &str = "265";
/// Users on the network, now and at most.
pub const RPL_GLOBALUSERS: &str = "266";
/// WHOIS: the fingerprint of the user's certificate.
pub const RPL_WHOISCERTFP: &str = "276";
/// The user is away, and the message says why.
pub const RPL_AWAY: &str = "301";
/// The answer to USERHOST.
pub const RPL_USERHOST: &str = "302";
/// The answer to ISON.
pub const RPL_ISON: &str = "303";
/// One is no longer away.
pub const RPL_UNAWAY: &str = "305";
/// One is away now.
pub const RPL_NOWAWAY: &str = "306";
/// WHOIS: user, host and real name.
pub const RPL_WHOISUSER: &str = "311";
/// WHOIS: the user's server.
pub const RPL_WHOISSERVER: &str = "312";
/// WHOIS: the user is an operator.
pub const RPL_WHOISOPERATOR: &str = "313";
/// WHOWAS: user, host and real name.
pub const RPL_WHOWASUSER: &str = "314";
/// End of WHO.
pub const RPL_ENDOFWHO: &str = "315";
/// WHOIS: for how long idle, since when online.
pub const RPL_WHOISIDLE: &str = "317";
/// End of WHOIS.
pub const RPL_ENDOFWHOIS: &str = "318";
/// WHOIS: the user's rooms.
pub const RPL_WHOISCHANNELS: &str = "319";
/// LIST begins.
pub const RPL_LISTSTART: &str = "321";
/// LIST: one room.
pub const RPL_LIST: &str = "322";
/// End of LIST.
pub const RPL_LISTEND: &str = "323";
/// The modes of a room.
pub const RPL_CHANNELMODEIS: &str = "324";
/// When a room was made.
pub const RPL_CREATIONTIME: &str = "329";
/// WHOIS: something else about the user.
pub const RPL_WHOISSPECIAL: &str = "320";
/// WHOIS: the account of the user.
pub const RPL_WHOISACCOUNT: &str = "330";
/// The room has no topic.
pub const RPL_NOTOPIC: &str = "331";
/// The topic of a room.
pub const RPL_TOPIC: &str = "332";
/// Who set the topic, and when.
pub const RPL_TOPICWHOTIME: &str = "333";
/// WHOIS: the user is a bot.
pub const RPL_WHOISBOT: &str = "335";
/// INVITE: one room one is invited to.
pub const RPL_INVITELIST: &str = "336";
/// INVITE: end of the rooms one is invited to.
pub const RPL_ENDOFINVITELIST: &str = "337";
/// WHOIS: the real host.
pub const RPL_WHOISACTUALLY: &str = "338";
/// The invitation was sent.
pub const RPL_INVITING: &str = "341";
/// One mask of a room's invite exceptions.
pub const RPL_INVEXLIST: &str = "346";
/// End of a room's invite exceptions.
pub const RPL_ENDOFINVEXLIST: &str = "347";
/// One mask of a room's ban exceptions.
pub const RPL_EXCEPTLIST: &str = "348";
/// End of a room's ban exceptions.
pub const RPL_ENDOFEXCEPTLIST: &str = "349";
/// The answer to VERSION.
pub const RPL_VERSION: &str = "351";
/// WHO: one user.
pub const RPL_WHOREPLY: &str = "352";
/// NAMES: some members of a room.
pub const RPL_NAMREPLY: &str = "353";
/// WHO with fields asked for (WHOX): one user.
pub const RPL_WHOSPCRPL: &str = "354";
/// LINKS: one server.
pub const RPL_LINKS: &str = "364";
/// End of LINKS.
pub const RPL_ENDOFLINKS: &str = "365";
/// End of NAMES.
pub const RPL_ENDOFNAMES: &str = "366";
/// One ban of a room.
pub const RPL_BANLIST: &str = "367";
/// End of a room's bans.
pub const RPL_ENDOFBANLIST: &str = "368";
/// End of WHOWAS.
pub const RPL_ENDOFWHOWAS: &str = "369";
/// INFO: one line.
pub const RPL_INFO: &str = "371";
/// The message of the day: one line.
pub const RPL_MOTD: &str = "372";
/// End of INFO.
pub const RPL_ENDOFINFO: &str = "374";
/// The message of the day begins.
pub const RPL_MOTDSTART: &str = "375";
/// End of the message of the day.
pub const RPL_ENDOFMOTD: &str = "376";
/// WHOIS: the modes of the user.
pub const RPL_WHOISMODES: &str = "379";
/// One is an operator now.
pub const RPL_YOUREOPER: &str = "381";
/// The configuration is being read again.
pub const RPL_REHASHING: &str = "382";
/// The answer to TIME.
pub const RPL_TIME: &str = "391";
/// A command failed in a way without a numeric of its own.
pub const ERR_UNKNOWNERROR: &str = "400";
/// Nobody has that name.
pub const ERR_NOSUCHNICK: &str = "401";
/// No server has that name.
pub const ERR_NOSUCHSERVER: &str = "402";
/// No room has that name.
pub const ERR_NOSUCHCHANNEL: &str = "403";
/// The message may not be sent to the room.
pub const ERR_CANNOTSENDTOCHAN: &str = "404";
/// One is in as many rooms as allowed.
pub const ERR_TOOMANYCHANNELS: &str = "405";
/// Nobody had that name.
pub const ERR_WASNOSUCHNICK: &str = "406";
/// Too many targets at once.
pub const ERR_TOOMANYTARGETS: &str = "407";
/// PING or PONG without a parameter.
pub const ERR_NOORIGIN: &str = "409";
/// CAP has no such subcommand.
pub const ERR_INVALIDCAPCMD: &str = "410";
/// A message without a target.
pub const ERR_NORECIPIENT: &str = "411";
/// A message without a text.
pub const ERR_NOTEXTTOSEND: &str = "412";
/// The line or its tags are too long.
pub const ERR_INPUTTOOLONG: &str = "417";
/// No such command.
pub const ERR_UNKNOWNCOMMAND: &str = "421";
/// There is no message of the day.
pub const ERR_NOMOTD: &str = "422";
/// Nobody has said who runs the server.
pub const ERR_NOADMININFO: &str = "423";
/// NICK without a name.
pub const ERR_NONICKNAMEGIVEN: &str = "431";
/// The name is not allowed.
pub const ERR_ERRONEUSNICKNAME: &str = "432";
/// The name is somebody else's.
pub const ERR_NICKNAMEINUSE: &str = "433";
/// `nick room :…`, in answer to `NICK` of who is banned there.
pub const ERR_BANONCHAN: &str = "435";
/// The user is not in that room.
pub const ERR_USERNOTINCHANNEL: &str = "441";
/// One is not in that room.
pub const ERR_NOTONCHANNEL: &str = "442";
/// The user is already in that room.
pub const ERR_USERONCHANNEL: &str = "443";
/// The name stays as it is.
pub const ERR_NONICKCHANGE: &str = "447";
/// Not before logging in.
pub const ERR_NOTREGISTERED: &str = "451";
/// Parameters are missing.
pub const ERR_NEEDMOREPARAMS: &str = "461";
/// Only before registration is complete.
pub const ERR_ALREADYREGISTERED: &str = "462";
/// Wrong password.
pub const ERR_PASSWDMISMATCH: &str = "464";
/// The room has been renamed.
pub const ERR_LINKCHANNEL: &str = "470";
/// The room is full (+l).
pub const ERR_CHANNELISFULL: &str = "471";
/// No such mode.
pub const ERR_UNKNOWNMODE: &str = "472";
/// The room is for invited users (+i).
pub const ERR_INVITEONLYCHAN: &str = "473";
/// One is banned from the room (+b).
pub const ERR_BANNEDFROMCHAN: &str = "474";
/// The room has another key (+k).
pub const ERR_BADCHANNELKEY: &str = "475";
/// That cannot be the name of a room.
pub const ERR_BADCHANMASK: &str = "476";
/// The room is for users with an account.
pub const ERR_NEEDREGGEDNICK: &str = "477";
/// The list of bans is full.
pub const ERR_BANLISTFULL: &str = "478";
/// Only for operators of the server.
pub const ERR_NOPRIVILEGES: &str = "481";
/// Only for operators of the room.
pub const ERR_CHANOPRIVSNEEDED: &str = "482";
/// A server cannot be killed.
pub const ERR_CANTKILLSERVER: &str = "483";
/// No operator may log in from here.
pub const ERR_NOOPERHOST: &str = "491";
/// No such user mode.
pub const ERR_UMODEUNKNOWNFLAG: &str = "501";
/// The modes of others are theirs.
pub const ERR_USERSDONTMATCH: &str = "502";
/// No help on that subject.
pub const ERR_HELPNOTFOUND: &str = "524";
/// WHOIS: the connection is encrypted.
pub const RPL_WHOISSECURE: &str = "671";
/// The parameter does not fit the mode.
pub const ERR_INVALIDMODEPARAM: &str = "696";
/// HELP begins.
pub const RPL_HELPSTART: &str = "704";
/// HELP: one line.
pub const RPL_HELPTXT: &str = "705";
/// End of HELP.
pub const RPL_ENDOFHELP: &str = "706";
/// One mask of those who are quiet in a room.
pub const RPL_QUIETLIST: &str = "728";
/// End of the masks of those who are quiet in a room.
pub const RPL_ENDOFQUIETLIST: &str = "729";
/// MONITOR: these users are online.
pub const RPL_MONONLINE: &str = "730";
/// MONITOR: these users are offline.
pub const RPL_MONOFFLINE: &str = "731";
/// MONITOR: names on one's list.
pub const RPL_MONLIST: &str = "732";
/// MONITOR: end of one's list.
pub const RPL_ENDOFMONLIST: &str = "733";
/// MONITOR: the list is full.
pub const ERR_MONLISTFULL: &str = "734";
/// WHOIS: one key of the user's metadata.
pub const RPL_WHOISKEYVALUE: &str = "760";
/// SILENCE: an entry of the list.
pub const RPL_SILELIST: &str = "271";
/// SILENCE: the list ends.
pub const RPL_ENDOFSILELIST: &str = "272";
/// SILENCE: the list is full.
pub const ERR_SILELISTFULL: &str = "511";
/// METADATA: a key and its value.
pub const RPL_KEYVALUE: &str = "761";
/// METADATA: a key that has no value.
pub const RPL_KEYNOTSET: &str = "766";
/// METADATA: keys to which one is subscribed now.
pub const RPL_METADATASUBOK: &str = "770";
/// METADATA: keys to which one is not subscribed any more.
pub const RPL_METADATAUNSUBOK: &str = "771";
/// METADATA: keys to which one is subscribed.
pub const RPL_METADATASUBS: &str = "772";
/// METADATA: to be asked for later.
pub const ERR_METADATASYNCLATER: &str = "774";
/// METADATA: too many changes; to be sent again later.
pub const ERR_METADATARATELIMIT: &str = "775";
/// One is logged in to an account.
pub const RPL_LOGGEDIN: &str = "900";
/// One is logged out.
pub const RPL_LOGGEDOUT: &str = "901";
/// SASL succeeded.
pub const RPL_SASLSUCCESS: &str = "903";
/// SASL failed.
pub const ERR_SASLFAIL: &str = "904";
/// The SASL message is too long.
pub const ERR_SASLTOOLONG: &str = "905";
/// SASL was aborted.
pub const ERR_SASLABORTED: &str = "906";
/// One is logged in already.
pub const ERR_SASLALREADY: &str = "907";
/// The SASL mechanisms of this server.
pub const RPL_SASLMECHS: &str = "908";
