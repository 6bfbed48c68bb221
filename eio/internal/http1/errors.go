package http1

// Error is a refused request. Immutable; compare with the sentinels by errors.Is or ==.
type Error struct {
	// Status is the HTTP status to answer with before the connection is closed.
	Status int
	text   string
}

// Error returns the reason, prefixed by the package's name.
func (e *Error) Error() string { return "http1: " + e.text }

// The refusals of Parser.Head, Body.Reset and Body.Next.
var (
	// ErrRequestLine: not "token SP target SP HTTP-version CRLF".
	ErrRequestLine = &Error{400, "malformed request line"}
	// ErrTarget: the request target is none of the forms of RFC 9112 section 3.2 that the method allows.
	ErrTarget = &Error{400, "malformed request target"}
	// ErrLineEnd: a line ends with a bare LF, or has a CR inside.
	ErrLineEnd = &Error{400, "line not ended by CRLF"}
	// ErrHeaderName: a field line without a colon, with an empty name, a non-token name or a space before the colon.
	ErrHeaderName = &Error{400, "malformed header name"}
	// ErrHeaderValue: a control character in a field value.
	ErrHeaderValue = &Error{400, "malformed header value"}
	// ErrFolded: a field value continued on the next line (obs-fold).
	ErrFolded = &Error{400, "folded header line"}
	// ErrHost: Host is missing in HTTP/1.1, given twice, or has an impossible character.
	ErrHost = &Error{400, "missing, repeated or malformed Host"}
	// ErrContentLength: Content-Length is not one plain decimal number, or was given twice.
	ErrContentLength = &Error{400, "repeated or malformed Content-Length"}
	// ErrTransferEncoding: Transfer-Encoding was given twice, beside Content-Length, or in HTTP/1.0.
	ErrTransferEncoding = &Error{400, "ambiguous Transfer-Encoding"}
	// ErrChunk: malformed chunked framing or trailer, or too much of it.
	ErrChunk = &Error{400, "malformed chunked body"}
	// ErrBodyTooLarge: the body is, or says it will be, longer than the limit.
	ErrBodyTooLarge = &Error{413, "body too large"}
	// ErrExpectation: an Expect other than 100-continue.
	ErrExpectation = &Error{417, "unknown expectation"}
	// ErrHeadTooLarge: the head passes the limit in bytes, or MaxFields.
	ErrHeadTooLarge = &Error{431, "request head too large"}
	// ErrCoding: a transfer coding other than chunked.
	ErrCoding = &Error{501, "unknown transfer coding"}
	// ErrConnect: the CONNECT method, which only a proxy can serve.
	ErrConnect = &Error{501, "CONNECT not implemented"}
	// ErrVersion: a well-formed version other than HTTP/1.0 and HTTP/1.1.
	ErrVersion = &Error{505, "unsupported HTTP version"}
)
