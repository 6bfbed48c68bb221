package conformance

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sioserver/sioserver/eio/eiotest"
)

const (
	// handshake is the target that opens a session over polling.
	handshake = "/engine.io/?EIO=4&transport=polling"
	// hidden is a request inside of another one, if it is framed in one way.
	hidden = "GET /hidden HTTP/1.1\r\nHost: t\r\n\r\n"
	// last follows each case, so that the connection ends.
	last = "GET /last HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n"
)

// smugglingCase is a request, or several, that two servers could frame
// differently. In it, @POST stands for the target of a POST and @GET for that
// of a GET, and @WS for a WebSocket handshake's, with the space behind each.
type smugglingCase struct{ id, request string }

// waiting are the cases in which a server that does not refuse the request
// waits for the rest of its body. They are sent to this server only.
var waiting = []string{"chunk-size-beyond-32-bits", "chunk-size-negative-int64", "expect-continue-too-large"}

// post is a POST with these fields and body.
func post(fields, body string) string {
	return "POST @POST HTTP/1.1\r\nHost: t\r\n" + fields + "\r\n" + body
}

// get is a GET with these fields.
func get(fields string) string { return "GET @GET HTTP/1.1\r\nHost: t\r\n" + fields + "\r\n" }

// chunks is a POST whose body is raw, with what follows the head of a request
// in chunks.
func chunks(raw string) string { return post("Transfer-Encoding: chunked\r\n", raw) }

// sized is a field with the length of body.
func sized(body string) string { return "Content-Length: " + strconv.Itoa(len(body)) + "\r\n" }

func smugglingCases() []smugglingCase {
	// By length this body holds a request, by chunks it ends before that.
	const both = "0\r\n\r\n" + hidden
	coded := func(field string) string { return post(sized(both)+field+"\r\n", both) }
	length := func(fields string) string { return post(fields+"\r\n", "4a"+hidden) }
	upgrade := "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	handshake := func(fields, behind string) string {
		return "GET @WS HTTP/1.1\r\nHost: t\r\n" + fields + "\r\n" + behind
	}
	return []smugglingCase{
		// What is right.
		{"right-length", post("Content-Length: 2\r\n", "4a")},
		{"right-chunks", chunks("2\r\n4a\r\n0\r\n\r\n")},
		{"right-pipeline", post("Content-Length: 2\r\n", "4a") + chunks("1\r\n4\r\n1\r\nb\r\n0\r\n\r\n") + get("")},
		{"right-get", get("")},
		{"right-empty", post("Content-Length: 0\r\n", "")},

		// A length and a coding.
		{"length-and-chunks", post("Content-Length: 6\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\nG")},
		{"chunks-and-length", post("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(hidden), hidden))},

		// A coding that one of two may overlook.
		{"coding-name", coded("Transfer-Encoding: xchunked")},
		{"coding-case", coded("TRANSFER-ENCODING: CHUNKED")},
		{"coding-space-before-colon", coded("Transfer-Encoding : chunked")},
		{"coding-tab-before-colon", coded("Transfer-Encoding\t: chunked")},
		{"coding-tab", coded("Transfer-Encoding:\tchunked")},
		{"coding-no-space", coded("Transfer-Encoding:chunked")},
		{"coding-vertical-tab", coded("Transfer-Encoding: \vchunked")},
		{"coding-form-feed", coded("Transfer-Encoding: chunked\f")},
		{"coding-nul", coded("Transfer-Encoding: chunked\x00")},
		{"coding-quoted", coded(`Transfer-Encoding: "chunked"`)},
		{"coding-parameter", coded("Transfer-Encoding: chunked;a=b")},
		{"coding-comma", coded("Transfer-Encoding: chunked,")},
		{"coding-comma-before", coded("Transfer-Encoding: ,chunked")},
		{"coding-twice-in-list", coded("Transfer-Encoding: chunked, chunked")},
		{"coding-gzip-chunked", coded("Transfer-Encoding: gzip, chunked")},
		{"coding-chunked-identity", coded("Transfer-Encoding: chunked, identity")},
		{"coding-identity", coded("Transfer-Encoding: identity")},
		{"coding-two-fields", coded("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity")},
		{"coding-two-fields-swapped", coded("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked")},
		{"coding-folded", coded("Transfer-Encoding:\r\n chunked")},
		{"coding-folded-tab", coded("Transfer-Encoding:\r\n\tchunked")},
		{"coding-behind-bare-lf", coded("X: y\nTransfer-Encoding: chunked")},
		{"coding-behind-bare-cr", coded("X: y\rTransfer-Encoding: chunked")},
		{"coding-underscore", coded("Transfer_Encoding: chunked")},
		{"coding-leading-space", coded(" Transfer-Encoding: chunked")},
		{"coding-high-byte", coded("Transfer-Encoding: \x85chunked")},
		{"coding-no-break-space", coded("Transfer-Encoding: \xa0chunked")},
		{"coding-empty", coded("Transfer-Encoding: ")},
		{"coding-http-1.0", "POST @POST HTTP/1.0\r\nHost: t\r\nConnection: keep-alive\r\n" + sized(both) + "Transfer-Encoding: chunked\r\n\r\n" + both},
		{"coding-http-1.0-alone", "POST @POST HTTP/1.0\r\nHost: t\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n4a\r\n0\r\n\r\n"},

		// A length that may be read in two ways.
		{"length-twice-same", length("Content-Length: 2\r\nContent-Length: 2")},
		{"length-twice", length("Content-Length: 2\r\nContent-Length: " + strconv.Itoa(len(hidden)+2))},
		{"length-twice-swapped", length("Content-Length: " + strconv.Itoa(len(hidden)+2) + "\r\nContent-Length: 2")},
		{"length-list-same", length("Content-Length: 2, 2")},
		{"length-list", length("Content-Length: 2, 3")},
		{"length-plus", length("Content-Length: +2")},
		{"length-minus", length("Content-Length: -2")},
		{"length-minus-zero", length("Content-Length: -0")},
		{"length-spaces-around", length("Content-Length:  2  ")},
		{"length-space-inside", length("Content-Length: 2 2")},
		{"length-underscore", length("Content-Length: 0_2")},
		{"length-zeros", length("Content-Length: 002")},
		{"length-hex", length("Content-Length: 0x2")},
		{"length-float", length("Content-Length: 2.0")},
		{"length-empty", length("Content-Length: ")},
		{"length-beyond-64-bits", length("Content-Length: 18446744073709551618")},
		{"length-beyond-int64", length("Content-Length: 9223372036854775808")},
		{"length-nul", length("Content-Length: 2\x00")},
		{"length-vertical-tab", length("Content-Length: \v2")},
		{"length-semicolon", length("Content-Length: 2;")},
		{"length-folded", length("Content-Length:\r\n 2")},
		{"length-space-before-colon", length("Content-Length : 2")},
		{"length-name-underscore", length("Content_Length: 2\r\nContent-Length: 2")},
		{"length-behind-bare-lf", length("X: y\nContent-Length: 2")},
		{"length-other-digits", length("Content-Length: \u0662")},
		{"length-of-get", "GET @GET HTTP/1.1\r\nHost: t\r\n" + sized(hidden) + "\r\n" + hidden},
		{"chunks-of-get", "GET @GET HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n" + fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(hidden), hidden)},
		{"length-of-options", "OPTIONS @GET HTTP/1.1\r\nHost: t\r\n" + sized(hidden) + "\r\n" + hidden},
		{"length-of-delete", "DELETE @POST HTTP/1.1\r\nHost: t\r\n" + sized(hidden) + "\r\n" + hidden},
		{"none", post("", "4a"+hidden)},

		// Chunks.
		{"chunk-extension", chunks("2;a=b\r\n4a\r\n0\r\n\r\n")},
		{"chunk-extension-quoted", chunks("2;a=\"\r\n4a\r\n0\r\n\r\n")},
		{"chunk-extension-bare-lf", chunks("2;a\n4a\r\n0\r\n\r\n" + hidden)},
		{"chunk-extension-bare-cr", chunks("2;a\r4a\r\n0\r\n\r\n" + hidden)},
		{"chunk-extension-nul", chunks("2;\x00\r\n4a\r\n0\r\n\r\n")},
		{"chunk-extension-long", chunks("2;" + strings.Repeat("a", 5000) + "\r\n4a\r\n0\r\n\r\n")},
		{"chunk-size-bare-lf", chunks("2\n4a\r\n0\r\n\r\n")},
		{"chunk-size-bare-cr", chunks("2\r4a\r\n0\r\n\r\n")},
		{"chunk-size-cr-cr-lf", chunks("2\r\r\n4a\r\n0\r\n\r\n")},
		{"chunk-size-space-before", chunks(" 2\r\n4a\r\n0\r\n\r\n")},
		{"chunk-size-space-after", chunks("2 \r\n4a\r\n0\r\n\r\n")},
		{"chunk-size-tab-after", chunks("2\t\r\n4a\r\n0\r\n\r\n")},
		{"chunk-size-plus", chunks("+2\r\n4a\r\n0\r\n\r\n")},
		{"chunk-size-minus", chunks("-2\r\n4a\r\n0\r\n\r\n")},
		{"chunk-size-0x", chunks("0x2\r\n4a\r\n0\r\n\r\n")},
		{"chunk-size-underscore", chunks("0_2\r\n4a\r\n0\r\n\r\n")},
		{"chunk-size-zeros", chunks("0000002\r\n4a\r\n00\r\n\r\n")},
		{"chunk-size-zeros-long", chunks("00000000000000000002\r\n4a\r\n0\r\n\r\n")},
		{"chunk-size-empty", chunks("\r\n4a\r\n0\r\n\r\n")},
		{"chunk-size-beyond-64-bits", chunks("10000000000000002\r\n4a\r\n0\r\n\r\n" + hidden)},
		{"chunk-size-beyond-32-bits", chunks("100000002\r\n4a\r\n0\r\n\r\n" + hidden)},
		{"chunk-size-negative-int64", chunks("fffffffffffffffe\r\n4a\r\n0\r\n\r\n" + hidden)},
		{"chunk-size-letter", chunks("2g\r\n4a\r\n0\r\n\r\n")},
		{"chunk-data-short", chunks("3\r\n4a\r\n0\r\n\r\n")},
		{"chunk-data-long", chunks("1\r\n4a\r\n0\r\n\r\n")},
		{"chunk-data-bare-lf", chunks("2\r\n4a\n0\r\n\r\n")},
		{"chunk-data-no-line-end", chunks("2\r\n4a0\r\n\r\n")},
		{"chunk-end-bare-lf", chunks("2\r\n4a\r\n0\n\n" + hidden)},
		{"chunk-end-half-bare-lf", chunks("2\r\n4a\r\n0\r\n\n" + hidden)},
		{"chunk-end-bare-cr", chunks("2\r\n4a\r\n0\r\n\rX" + hidden)},
		{"chunk-trailer", chunks("2\r\n4a\r\n0\r\nX: y\r\n\r\n")},
		{"chunk-trailer-length", chunks("2\r\n4a\r\n0\r\n" + sized(hidden) + "\r\n" + hidden)},
		{"chunk-trailer-coding", chunks("2\r\n4a\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n")},
		{"chunk-trailer-bare-lf", chunks("2\r\n4a\r\n0\r\nX: y\n\r\n")},
		{"chunk-trailer-no-colon", chunks("2\r\n4a\r\n0\r\n" + hidden)},
		{"chunk-trailer-folded", chunks("2\r\n4a\r\n0\r\nX: y\r\n z\r\n\r\n")},

		// Lines and fields.
		{"line-bare-lf", strings.ReplaceAll(get("X: y\r\n"), "\r\n", "\n")},
		{"line-bare-lf-at-end", "GET @GET HTTP/1.1\r\nHost: t\r\n\n"},
		{"line-bare-cr", "GET @GET HTTP/1.1\rHost: t\r\r"},
		{"line-cr-cr-lf", get("X: y\r\r\n")},
		{"line-empty-before", "\r\n" + get("")},
		{"line-empty-before-twice", "\r\n\r\n" + get("")},
		{"line-empty-before-lf", "\n" + get("")},
		{"line-space-only", get(" \r\n")},
		{"field-folded", get("X: y\r\n z\r\n")},
		{"field-folded-first", "GET @GET HTTP/1.1\r\n X: y\r\nHost: t\r\n\r\n"},
		{"field-space-before-colon", get("X : y\r\n")},
		{"field-no-colon", get("X\r\n")},
		{"field-no-name", get(": y\r\n")},
		{"field-nul-in-value", get("X: a\x00b\r\n")},
		{"field-nul-in-name", get("X\x00Y: b\r\n")},
		{"field-control-in-value", get("X: a\x01b\r\n")},
		{"field-high-byte-in-name", get("X\xe9: b\r\n")},
		{"field-parenthesis-in-name", get("X(y): b\r\n")},
		{"field-large", get("X: " + strings.Repeat("y", 20<<10) + "\r\n")},
		{"field-many", get(strings.Repeat("X: y\r\n", 120))},
		{"field-mark", get(markField + ": forged\r\n")},
		{"field-mark-dropped", get("Connection: " + markField + "\r\n")},
		{"field-length-dropped", post("Connection: Content-Length\r\nContent-Length: 2\r\n", "4a")},
		{"field-coding-dropped", post("Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n", "2\r\n4a\r\n0\r\n\r\n")},
		{"field-keep-alive", get("Keep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nConnection: keep-alive\r\n")},
		{"connection-close", get("Connection: close\r\n") + hidden},
		{"connection-close-and-keep-alive", get("Connection: close, keep-alive\r\n") + hidden},

		// Request lines and hosts.
		{"target-absolute", "GET http://other@GET HTTP/1.1\r\nHost: t\r\n\r\n"},
		{"target-absolute-user", "GET http://a@b@GET HTTP/1.1\r\nHost: t\r\n\r\n"},
		{"target-relative", "GET x HTTP/1.1\r\nHost: t\r\n\r\n"},
		{"target-space", "GET /a b HTTP/1.1\r\nHost: t\r\n\r\n"},
		{"target-fragment", "GET /a#b HTTP/1.1\r\nHost: t\r\n\r\n"},
		{"target-hidden-request", "GET /a HTTP/1.1\tHost:t HTTP/1.1\r\nHost: t\r\n\r\n"},
		{"target-asterisk", "OPTIONS * HTTP/1.1\r\nHost: t\r\n\r\n"},
		{"target-escapes", "GET /engine.io%2f..%2fa/..;/%0d%0aX:%20y HTTP/1.1\r\nHost: t\r\n\r\n"},
		{"target-nul", "GET /a\x00b HTTP/1.1\r\nHost: t\r\n\r\n"},
		{"method-lower-case", strings.Replace(get(""), "GET", "get", 1)},
		{"method-invalid", strings.Replace(get(""), "GET", "G(T", 1)},
		{"method-unknown", strings.Replace(get(""), "GET", "FETCH", 1)},
		{"method-connect", "CONNECT t:80 HTTP/1.1\r\nHost: t:80\r\n\r\n" + hidden},
		{"method-head", "HEAD /a HTTP/1.1\r\nHost: t\r\n\r\n"},
		{"method-override", post("X-HTTP-Method-Override: GET\r\nContent-Length: 2\r\n", "4a")},
		{"spaces", strings.Replace(get(""), " HTTP", "  HTTP", 1)},
		{"tab", strings.Replace(get(""), " HTTP", "\tHTTP", 1)},
		{"space-at-end", strings.Replace(get(""), "HTTP/1.1", "HTTP/1.1 ", 1)},
		{"version-0.9", "GET /a\r\n"},
		{"version-1.0", "GET @GET HTTP/1.0\r\nHost: t\r\n\r\n" + hidden},
		{"version-1.0-kept", "GET @GET HTTP/1.0\r\nHost: t\r\nConnection: keep-alive\r\n\r\n"},
		{"version-1.0-length", "POST @POST HTTP/1.0\r\nHost: t\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\n4a"},
		{"version-1.2", strings.Replace(get(""), "1.1", "1.2", 1)},
		{"version-2.0", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"},
		{"version-lower-case", strings.Replace(get(""), "HTTP", "http", 1)},
		{"host-none", "GET @GET HTTP/1.1\r\n\r\n"},
		{"host-twice", get("Host: u\r\n")},
		{"host-twice-same", get("Host: t\r\n")},
		{"host-space", strings.Replace(get(""), "Host: t", "Host: t u", 1)},
		{"host-slash", strings.Replace(get(""), "Host: t", "Host: t/a", 1)},
		{"host-empty", strings.Replace(get(""), "Host: t", "Host:", 1)},
		{"host-folded", strings.Replace(get(""), "Host: t", "Host:\r\n t", 1)},

		// Expectations.
		{"expect-continue", post("Expect: 100-continue\r\nContent-Length: 2\r\n", "4a")},
		{"expect-continue-chunks", post("Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n", "2\r\n4a\r\n0\r\n\r\n")},
		{"expect-continue-of-get", get("Expect: 100-continue\r\n")},
		{"expect-continue-too-large", post("Expect: 100-continue\r\nContent-Length: 2000000\r\n", hidden)},
		{"expect-other", post("Expect: x\r\n"+sized(hidden), hidden)},
		{"expect-obfuscated", post("Expect: y 100-continue\r\n"+sized(hidden), hidden)},

		// Upgrades.
		{"upgrade-length", handshake(upgrade+sized(hidden), hidden)},
		{"upgrade-chunks", handshake(upgrade+"Transfer-Encoding: chunked\r\n", "0\r\n\r\n"+hidden)},
		{"upgrade-pipelined", handshake(upgrade, hidden)},
		{"upgrade-refused-version", handshake(strings.Replace(upgrade, "13", "12", 1), hidden)},
		{"upgrade-refused-key", handshake("Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n", hidden)},
		{"upgrade-refused-session", strings.Replace(handshake(upgrade, hidden), "@WS", "@WS&sid=none", 1)},
		{"upgrade-of-post", strings.Replace(handshake(upgrade+sized(hidden), hidden), "GET", "POST", 1)},
		{"upgrade-without-connection", handshake("Upgrade: websocket\r\n", hidden)},
		{"upgrade-twice", handshake(upgrade+"Upgrade: h2c\r\n", hidden)},
		{"upgrade-h2c", get("Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n") + hidden},
		{"upgrade-h2c-of-post", post("Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n"+sized(hidden), hidden)},
		{"upgrade-folded", handshake(strings.Replace(upgrade, "Upgrade: ", "Upgrade:\r\n ", 1), hidden)},
	}
}

// TestSmuggling sends each case on each way, to the application and to a
// session of the engine, and a last request behind it. What stands in front of
// the server must have sent each request that the server sees, and as one
// request.
func TestSmuggling(t *testing.T) {
	direct, _ := open(t, "listen", false)
	t.Run("listen", func(t *testing.T) { smuggle(t, direct) })
	t.Run("handler", func(t *testing.T) { smuggle(t, byHandler(t)) })
	t.Run("nginx", func(t *testing.T) { smuggle(t, byNginx(t)) })
	t.Run("haproxy", func(t *testing.T) { smuggle(t, byHAProxy(t)) })
}

func smuggle(t *testing.T, w way) {
	tab := readTable(t, "smuggling-"+w.name+".txt", w.version)
	w.unknown = !tab.compares
	var all []tableCase
	for _, c := range smugglingCases() {
		if w.secret != "" && slices.Contains(waiting, c.id) {
			continue
		}
		all = append(all, tableCase{c.id, func(t *testing.T) string {
			app := w.send(t, strings.NewReplacer("@POST", "/app", "@GET", "/app", "@WS", "/app").Replace(c.request))
			sid := w.session(t)
			requests, _ := w.origin.take()
			w.judge(t, requests)
			engine := w.send(t, strings.NewReplacer("@POST", handshake+"&sid="+sid, "@GET", handshake, "@WS", target).Replace(c.request))
			return c.id + "\t" + app + "\t" + engine
		}})
	}
	tab.check(t, all)
	w.audit(t)
}

// send sends a request and the last one on a new connection, and describes the
// answers until it ends, and what the server has made of it.
func (w *way) send(t *testing.T, request string) string {
	t.Helper()
	conn := w.dial(t)
	conn.WriteString(request + last)
	answers := w.answers(t, conn, strings.HasPrefix(request, "HEAD "))
	requests, messages := w.origin.take()
	w.judge(t, requests)
	row := strings.Join(answers, ", ")
	if row == "" {
		row = "closed"
	}
	if len(messages) > 0 {
		row += fmt.Sprintf("; messages %q", messages)
	}
	return row
}

// answers reads the responses until the connection ends, or is said to. head is
// set if the first one answers a HEAD.
func (w *way) answers(t *testing.T, conn *eiotest.Conn, head bool) (all []string) {
	t.Helper()
	of := new(http.Request)
	if head {
		of.Method = http.MethodHead
	}
	patience := eiotest.Timeout
	if w.unknown {
		patience = 5 * time.Second
	}
	conn.SetReadDeadline(time.Now().Add(patience))
	r := bufio.NewReader(conn)
	for {
		response, err := http.ReadResponse(r, of)
		of = nil
		var body []byte
		if err == nil && response.StatusCode != http.StatusSwitchingProtocols {
			body, err = io.ReadAll(response.Body)
		}
		var timeout net.Error
		switch {
		case errors.As(err, &timeout) && timeout.Timeout() && w.unknown:
			return append(all, "waits")
		case errors.As(err, &timeout) && timeout.Timeout():
			t.Fatalf("the connection lives on after %q", all)
		case err != nil:
			return all
		}
		answer := strconv.Itoa(response.StatusCode)
		switch {
		case response.StatusCode == http.StatusOK && strings.HasPrefix(string(body), "0{"):
			answer += " open"
		case response.StatusCode == http.StatusOK:
			answer += " " + string(body)
		}
		all = append(all, answer)
		if response.StatusCode == http.StatusSwitchingProtocols {
			_, _ = io.Copy(io.Discard, r) // what follows are frames, until the connection ends
			return all
		}
		if response.Close && w.secret != "" {
			return all // what is in front may still read on for a while
		}
	}
}

// judge checks that the server has seen only what was sent to it as a request:
// each mark is there, and there once.
func (w *way) judge(t *testing.T, requests []seen) {
	t.Helper()
	if w.secret == "" {
		return
	}
	for _, r := range requests {
		if !strings.HasPrefix(r.mark, w.secret) || w.marks[r.mark] {
			t.Errorf("the server has seen %q, which %s has not sent as a request (mark %q)", r.line, w.name, r.mark)
		}
		w.marks[r.mark] = true
	}
}

// audit checks what has come since the last answer, once nothing more can come.
func (w *way) audit(t *testing.T) {
	t.Helper()
	w.session(t)
	requests, _ := w.origin.take()
	w.judge(t, requests)
}
