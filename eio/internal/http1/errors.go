package http1

// Error is a refused request. Immutable; compare with the sentinels by
// errors.Is or ==.
type Error struct {
	// Status is the HTTP status to answer with before the connection is closed.
	Status int
	text   string
}

// Error returns the reason, prefixed by the package's name.
func (e *Error) Error() string { return "http1: " + e.text }

// The refusals of [Parser.Head], [Body.Reset] and [Body.Next].
var (
	// ErrRequestLine reports a line that is not "token SP target SP
	// HTTP-version CRLF".
	ErrRequestLine = &Error{400, "malformed request line"}
	// ErrTarget reports a request target in none of the forms that the method
	// allows (RFC 9112 section 3.2).
	ErrTarget = &Error{400, "malformed request target"}
	// ErrLineEnd reports a line that ends with a bare LF or has a CR inside.
	ErrLineEnd = &Error{400, "line not ended by CRLF"}
	// ErrHeaderName reports a field line without a colon, with an empty name, a
	// non-token name or a space before the colon.
	ErrHeaderName = &Error{400, "malformed header name"}
	// ErrHeaderValue reports a control character in a field value.
	ErrHeaderValue = &Error{400, "malformed header value"}
	// ErrFolded reports a field value continued on the next line (obs-fold).
	ErrFolded = &Error{400, "folded header line"}
	// ErrHost reports a Host that is missing in HTTP/1.1, given twice, or
	// malformed.
	ErrHost = &Error{400, "missing, repeated or malformed Host"}
	// ErrContentLength reports a Content-Length that is not a plain decimal
	// number, or is given twice.
	ErrContentLength = &Error{400, "repeated or malformed Content-Length"}
	// ErrTransferEncoding reports a Transfer-Encoding that is given twice,
	// beside Content-Length, or in HTTP/1.0.
	ErrTransferEncoding = &Error{400, "ambiguous Transfer-Encoding"}
	// ErrChunk reports malformed chunked framing or trailer, or too much of it.
	ErrChunk = &Error{400, "malformed chunked body"}
	// ErrBodyTooLarge reports a body that is longer than the limit, or is
	// announced to be.
	ErrBodyTooLarge = &Error{413, "body too large"}
	// ErrExpectation reports an Expect other than 100-continue.
	ErrExpectation = &Error{417, "unknown expectation"}
	// ErrHeadTooLarge reports a head of more bytes than the limit, or of more
	// than MaxFields fields.
	ErrHeadTooLarge = &Error{431, "request head too large"}
	// ErrCoding reports a transfer coding other than chunked.
	ErrCoding = &Error{501, "unknown transfer coding"}
	// ErrConnect reports the CONNECT method, which only a proxy can serve.
	ErrConnect = &Error{501, "CONNECT not implemented"}
	// ErrVersion reports a well-formed version other than HTTP/1.0 and
	// HTTP/1.1.
	ErrVersion = &Error{505, "unsupported HTTP version"}
)
