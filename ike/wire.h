/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IKE_WIRE_H
#define IKE_WIRE_H

/*
 * Numbers and shapes of IKEv2 on the wire (RFC 7296 section 3). Transforms are in proposal.h,
 * selector types in ts.h, identity types in id.h.
 */

/*
 * IKE header, RFC 7296 3.1
 *                      1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |                       IKE SA Initiator's SPI                  |
 * |                                                               |
 * |                       IKE SA Responder's SPI                  |
 * |                                                               |
 * |  Next Payload | MjVer | MnVer | Exchange Type |     Flags     |
 * |                          Message ID                           |
 * |                            Length                             |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 */
#define IKE_HDR_LEN 28
#define IKE_VERSION 0x20 /* 2.0 */

enum ike_hdr_flag {
	IKE_FLAG_INITIATOR = 0x08, /* sent by the original initiator of the IKE SA */
	IKE_FLAG_VERSION = 0x10,   /* could speak a higher major version */
	IKE_FLAG_RESPONSE = 0x20,
};

/* RFC 7296 3.1, RFC 9242, RFC 9370 */
enum ike_exchange {
	IKE_X_SA_INIT = 34,
	IKE_X_AUTH = 35,
	IKE_X_CREATE_CHILD_SA = 36,
	IKE_X_INFORMATIONAL = 37,
	IKE_X_INTERMEDIATE = 43,
	IKE_X_FOLLOWUP_KE = 44,
};

/*
 * Generic payload header, RFC 7296 3.2
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * | Next Payload  |C|  RESERVED   |         Payload Length        |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 */
#define IKE_PLD_HDR_LEN	 4
#define IKE_PLD_CRITICAL 0x80

enum ike_payload_type {
	IKE_PLD_NONE = 0,
	IKE_PLD_SA = 33,      /* 3.3 */
	IKE_PLD_KE = 34,      /* 3.4 */
	IKE_PLD_IDI = 35,     /* 3.5 */
	IKE_PLD_IDR = 36,     /* 3.5 */
	IKE_PLD_CERT = 37,    /* 3.6 */
	IKE_PLD_CERTREQ = 38, /* 3.7 */
	IKE_PLD_AUTH = 39,    /* 3.8 */
	IKE_PLD_NONCE = 40,   /* 3.9 */
	IKE_PLD_NOTIFY = 41,  /* 3.10 */
	IKE_PLD_DELETE = 42,  /* 3.11 */
	IKE_PLD_VENDOR = 43,  /* 3.12 */
	IKE_PLD_TSI = 44,     /* 3.13 */
	IKE_PLD_TSR = 45,     /* 3.13 */
	IKE_PLD_SK = 46,      /* 3.14 */
	IKE_PLD_CP = 47,      /* 3.15 */
	IKE_PLD_EAP = 48,     /* 3.16 */
	IKE_PLD_SKF = 53,     /* RFC 7383 2.5 */
};

/*
 * Notify, RFC 7296 3.10: protocol, SPI size, type, SPI, data
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |  Protocol ID  |   SPI Size    |      Notify Message Type      |
 * |                Security Parameter Index (SPI)                 |
 * |                       Notification Data                       |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 */
enum ike_notify_type {
	/* errors, RFC 7296 3.10.1 */
	IKE_N_UNSUPPORTED_CRITICAL_PAYLOAD = 1, /* data: the payload type, one octet */
	IKE_N_INVALID_IKE_SPI = 4,
	IKE_N_INVALID_MAJOR_VERSION = 5,
	IKE_N_INVALID_SYNTAX = 7,
	IKE_N_INVALID_MESSAGE_ID = 9,
	IKE_N_INVALID_SPI = 11,
	IKE_N_NO_PROPOSAL_CHOSEN = 14,
	IKE_N_INVALID_KE_PAYLOAD = 17, /* data: the group wanted, two octets */
	IKE_N_AUTHENTICATION_FAILED = 24,
	IKE_N_SINGLE_PAIR_REQUIRED = 34,
	IKE_N_NO_ADDITIONAL_SAS = 35,
	IKE_N_INTERNAL_ADDRESS_FAILURE = 36,
	IKE_N_FAILED_CP_REQUIRED = 37,
	IKE_N_TS_UNACCEPTABLE = 38,
	IKE_N_INVALID_SELECTORS = 39,
	IKE_N_UNACCEPTABLE_ADDRESSES = 40, /* RFC 4555 */
	IKE_N_UNEXPECTED_NAT_DETECTED = 41, /* RFC 4555 */
	IKE_N_TEMPORARY_FAILURE = 43,
	IKE_N_CHILD_SA_NOT_FOUND = 44,
	IKE_N_INVALID_GROUP_ID = 45, /* draft-yeung-g-ikev2 */
	IKE_N_AUTHORIZATION_FAILED = 46,
	IKE_N_STATE_NOT_FOUND = 47, /* RFC 9370 */
	IKE_N_TS_MAX_QUEUE = 48,    /* RFC 9611 */
	IKE_N_ERROR_MAX = 16383,    /* up to here a notify is an error */

	/* status, RFC 7296 3.10.1 */
	IKE_N_INITIAL_CONTACT = 16384,
	IKE_N_SET_WINDOW_SIZE = 16385,
	IKE_N_ADDITIONAL_TS_POSSIBLE = 16386,
	IKE_N_IPCOMP_SUPPORTED = 16387,
	IKE_N_NAT_DETECTION_SOURCE_IP = 16388,
	IKE_N_NAT_DETECTION_DESTINATION_IP = 16389,
	IKE_N_COOKIE = 16390,
	IKE_N_USE_TRANSPORT_MODE = 16391,
	IKE_N_HTTP_CERT_LOOKUP_SUPPORTED = 16392,
	IKE_N_REKEY_SA = 16393,
	IKE_N_ESP_TFC_PADDING_NOT_SUPPORTED = 16394,
	IKE_N_NON_FIRST_FRAGMENTS_ALSO = 16395,
	/* MOBIKE, RFC 4555 */
	IKE_N_MOBIKE_SUPPORTED = 16396,
	IKE_N_ADDITIONAL_IP4_ADDRESS = 16397,
	IKE_N_ADDITIONAL_IP6_ADDRESS = 16398,
	IKE_N_NO_ADDITIONAL_ADDRESSES = 16399,
	IKE_N_UPDATE_SA_ADDRESSES = 16400,
	IKE_N_COOKIE2 = 16401,
	IKE_N_NO_NATS_ALLOWED = 16402,
	IKE_N_AUTH_LIFETIME = 16403,		   /* RFC 4478 */
	IKE_N_MULTIPLE_AUTH_SUPPORTED = 16404,	   /* RFC 4739 */
	IKE_N_ANOTHER_AUTH_FOLLOWS = 16405,	   /* RFC 4739 */
	IKE_N_REDIRECT_SUPPORTED = 16406,	   /* RFC 5685 */
	IKE_N_REDIRECT = 16407,			   /* RFC 5685 */
	IKE_N_REDIRECTED_FROM = 16408,		   /* RFC 5685 */
	IKE_N_TICKET_LT_OPAQUE = 16409,		   /* RFC 5723 */
	IKE_N_TICKET_REQUEST = 16410,		   /* RFC 5723 */
	IKE_N_TICKET_ACK = 16411,		   /* RFC 5723 */
	IKE_N_TICKET_NACK = 16412,		   /* RFC 5723 */
	IKE_N_TICKET_OPAQUE = 16413,		   /* RFC 5723 */
	IKE_N_LINK_ID = 16414,			   /* RFC 5739 */
	IKE_N_USE_WESP_MODE = 16415,		   /* RFC 5840 */
	IKE_N_ROHC_SUPPORTED = 16416,		   /* RFC 5857 */
	IKE_N_EAP_ONLY_AUTHENTICATION = 16417,	   /* RFC 5998 */
	IKE_N_CHILDLESS_IKEV2_SUPPORTED = 16418,   /* RFC 6023 */
	IKE_N_QCD_TOKEN = 16419,		   /* RFC 6290 */
	IKE_N_MESSAGE_ID_SYNC_SUPPORTED = 16420,   /* RFC 6311 */
	IKE_N_REPLAY_COUNTER_SYNC_SUPPORTED = 16421, /* RFC 6311 */
	IKE_N_MESSAGE_ID_SYNC = 16422,		   /* RFC 6311 */
	IKE_N_REPLAY_COUNTER_SYNC = 16423,	   /* RFC 6311 */
	IKE_N_SECURE_PASSWORD_METHODS = 16424,	   /* RFC 6467 */
	IKE_N_PSK_PERSIST = 16425,		   /* RFC 6631 */
	IKE_N_PSK_CONFIRM = 16426,		   /* RFC 6631 */
	IKE_N_ERX_SUPPORTED = 16427,		   /* RFC 6867 */
	IKE_N_FRAGMENTATION_SUPPORTED = 16430,	   /* RFC 7383 */
	IKE_N_SIGNATURE_HASH_ALGORITHMS = 16431,   /* RFC 7427 */
	IKE_N_CLONE_IKE_SA_SUPPORTED = 16432,	   /* RFC 7791 */
	IKE_N_CLONE_IKE_SA = 16433,		   /* RFC 7791 */
	IKE_N_PUZZLE = 16434,			   /* RFC 8019 */
	IKE_N_USE_PPK = 16435,			   /* RFC 8784 */
	IKE_N_PPK_IDENTITY = 16436,		   /* RFC 8784 */
	IKE_N_NO_PPK_AUTH = 16437,		   /* RFC 8784 */
	IKE_N_INTERMEDIATE_EXCHANGE_SUPPORTED = 16438, /* RFC 9242 */
	IKE_N_IP4_ALLOWED = 16439,		   /* RFC 8983 */
	IKE_N_IP6_ALLOWED = 16440,		   /* RFC 8983 */
	IKE_N_ADDITIONAL_KEY_EXCHANGE = 16441,	   /* RFC 9370 */
	IKE_N_USE_AGGFRAG = 16442,		   /* RFC 9347 */
	IKE_N_SA_RESOURCE_INFO = 16444,		   /* RFC 9611 */
};

/* RFC 7296 3.8, RFC 7427, RFC 7619 */
enum ike_auth_method {
	IKE_AUTH_RSA = 1,
	IKE_AUTH_PSK = 2,
	IKE_AUTH_DSS = 3,
	IKE_AUTH_ECDSA_256 = 9,
	IKE_AUTH_ECDSA_384 = 10,
	IKE_AUTH_ECDSA_521 = 11,
	IKE_AUTH_NULL = 13,
	IKE_AUTH_SIGNATURE = 14,
};

/* RFC 7296 2.10: nonces are 16..256 octets and at least half the PRF's key size */
#define IKE_NONCE_MIN 16
#define IKE_NONCE_MAX 256

#define IKE_COOKIE_MAX	64    /* RFC 7296 2.6 */
#define IKE_MSG_MAX	65535 /* what a UDP payload can hold, about; we take no larger message */
#define IKE_SPI_LEN	8     /* of an IKE SA; ESP and AH have 4 */
#define IKE_ESP_SPI_LEN 4

#endif
