package eio

import (
	"crypto/tls"
	"iter"
	"net/url"
	"strings"
	"time"

	"github.com/sioserver/sioserver/eio/internal/http1"
)

// Request is the HTTP request that opened a session, kept as the bytes that
// came. It is immutable and safe for concurrent use. Each method parses the
// bytes again, so keep a result that is needed often.
type Request struct {
	head   []byte  // nil once it was discarded
	issued int64   // ns since 1970
	values *values // of the context around it; nil without any
	secure bool
	tls    *tls.ConnectionState
}

func (h *httpConn) newRequest(r *http1.Request) *Request {
	return h.newRequestFrom(r, h.encrypted(r))
}

func (h *httpConn) newRequestFrom(r *http1.Request, secure bool) *Request {
	return &Request{head: append([]byte(nil), r.Head()...), issued: time.Now().UnixNano(), values: h.home.outer.retained(), secure: secure, tls: h.c.TLS()}
}

func (r *Request) parse() *http1.Request {
	parsed := new(http1.Request)
	parsed.Restore(r.head)
	return parsed
}

// Value returns what the context of the request had for key when the engine was
// called: what an http.Handler around [Server.Handler] has put there,
// Config.Middleware or Config.AllowRequest. It is nil without one. Values that
// are borrowed for the time of the request, such as a router's own, must not be
// used.
func (r *Request) Value(key any) any {
	if r.values == nil {
		return nil
	}
	return r.values.Value(key)
}

// Secure reports whether the request came encrypted: to this server, to a
// [Server.Handler] of an HTTPS server, or to a proxy of Config.TrustedProxies
// or ProxyProtocol.
func (r *Request) Secure() bool { return r.secure }

// TLS returns the state of the TLS connection on which the request came, and
// nil if it came otherwise. Of the requests to a [Server.Handler] only those
// over WebSocket have it. It must not be changed.
func (r *Request) TLS() *tls.ConnectionState { return r.tls }

// Issued returns when the request arrived.
func (r *Request) Issued() time.Time { return time.Unix(0, r.issued) }

// Target returns the raw request target, such as
// "/socket.io/?EIO=4&transport=polling".
func (r *Request) Target() string { return string(r.parse().Target) }

// Header returns the first value of the named field, whatever its case, or "".
func (r *Request) Header(name string) string { return string(r.parse().Header(name)) }

// Headers returns all fields by lower-cased name; the values of a repeated
// field are joined by ", " (cookies by "; ").
func (r *Request) Headers() map[string]string {
	headers := make(map[string]string)
	for name, value := range r.parse().Headers() {
		key := strings.ToLower(string(name))
		switch prior, repeated := headers[key]; {
		case !repeated:
			headers[key] = string(value)
		case key == "cookie":
			headers[key] = prior + "; " + string(value)
		default:
			headers[key] = prior + ", " + string(value)
		}
	}
	return headers
}

// Query returns the query parameters; of a repeated one the last value.
func (r *Request) Query() map[string]string {
	query := make(map[string]string)
	for key, value := range http1.Query(r.parse().RawQuery) {
		query[string(key)] = string(value)
	}
	return query
}

// QueryPairs yields the decoded parameters of raw, a URL's query, in order,
// repeated ones each time, as [Request.Query] decodes them: '+' is a space, a
// '%' without two hexadecimal digits stands for itself, and invalid UTF-8
// becomes U+FFFD. Both are borrowed from raw unless something in them was
// decoded.
func QueryPairs(raw []byte) iter.Seq2[[]byte, []byte] { return http1.Query(raw) }

// URL returns the parsed target; nil when Go does not accept it as a URL.
func (r *Request) URL() *url.URL {
	u, err := url.ParseRequestURI(r.Target())
	if err != nil {
		return nil
	}
	return u
}
