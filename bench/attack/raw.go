//go:build linux

package attack

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	chunk     = 64 << 10
	opCont    = 0
	opText    = 1
	opBinary  = 2
	final     = 0x80
	deflated  = 0x40
	extension = "permessage-deflate; client_no_context_takeover; server_no_context_takeover"
)

// The engine's targets, up to the name of the transport.
const (
	path        = "/socket.io/?EIO=4&transport="
	oldPath     = "/socket.io/?EIO=3&transport=" // of protocol 3
	msgpackPath = "/msgpack/?EIO=4&transport="   // of the feature "msgpack"
)

// appendWebSocket appends the request that opens a session over WebSocket; more
// are further fields of its head.
func appendWebSocket(dst []byte, host, target, more string) []byte {
	return fmt.Appendf(dst, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n", target, host, more)
}

// raw is a connection that can write parts of messages. One goroutine reads,
// one writes.
type raw struct {
	net.Conn
	f    *Field
	r    *bufio.Reader
	path string // of the engine, up to the name of the transport
}

func newRaw(f *Field, conn net.Conn) *raw { return &raw{conn, f, bufio.NewReader(conn), path} }

// leave closes the connection before the attack's end.
func (c *raw) leave() { c.f.drop(c.Conn) }

// lost closes a connection that was cut, but not one that was held to the end.
func (c *raw) lost() {
	if c.f.ctx.Err() == nil {
		c.leave()
	}
}

// hold keeps the connection open and reads what comes, until the server ends it
// or the attack is over.
func (c *raw) hold() error {
	_, err := io.Copy(io.Discard, c.r)
	if err == nil {
		err = io.EOF
	}
	return err
}

// get sends a GET request of the engine and returns the answer's body.
func (c *raw) get(query string) (string, error) {
	if _, err := fmt.Fprintf(c, "GET %s%s HTTP/1.1\r\nHost: %s\r\n\r\n", c.path, query, c.f.target.Addr); err != nil {
		return "", err
	}
	return c.answer()
}

// post sends a POST request of the session.
func (c *raw) post(sid, body string) (string, error) {
	if _, err := io.WriteString(c, c.postHead(sid, len(body))+body); err != nil {
		return "", err
	}
	return c.answer()
}

func (c *raw) postHead(sid string, length int) string {
	return fmt.Sprintf("POST %spolling&sid=%s HTTP/1.1\r\nHost: %s\r\nContent-Type: text/plain;charset=UTF-8\r\nContent-Length: %d\r\n\r\n",
		c.path, sid, c.f.target.Addr, length)
}

// answer reads one response, of which the status must be 200.
func (c *raw) answer() (string, error) {
	r, err := http.ReadResponse(c.r, nil)
	if err != nil {
		return "", err
	}
	body, err := io.ReadAll(r.Body)
	if err == nil && r.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %d: %.100q", r.StatusCode, body)
	}
	return string(body), err
}

// polling opens a session and returns its id; query is added to the request's.
func (c *raw) polling(query string) (sid string, err error) {
	body, err := c.get("polling" + query)
	if err != nil {
		return "", err
	}
	body = strings.ReplaceAll(body, `\`, "") // of an answer that is a script
	_, rest, _ := strings.Cut(body, `"sid":"`)
	sid, _, found := strings.Cut(rest, `"`)
	if !found {
		return "", fmt.Errorf("a handshake without a session id: %.100q", body)
	}
	return sid, nil
}

// webSocket opens a session over WebSocket. With deflate the server must agree
// to compress.
func (c *raw) webSocket(deflate bool) error {
	extensions := ""
	if deflate {
		extensions = "Sec-WebSocket-Extensions: " + extension + "\r\n"
	}
	if _, err := c.Write(appendWebSocket(nil, c.f.target.Addr, c.path+"websocket", extensions)); err != nil {
		return err
	}
	r, err := http.ReadResponse(c.r, nil)
	if err != nil {
		return err
	}
	if r.StatusCode != http.StatusSwitchingProtocols {
		return fmt.Errorf("status %d", r.StatusCode)
	}
	if deflate && r.Header.Get("Sec-WebSocket-Extensions") == "" {
		return errors.New("the server does not compress")
	}
	_, err = c.next() // the engine's handshake
	return err
}

// join opens a session over WebSocket and connects the main namespace.
func (c *raw) join() error {
	if err := c.webSocket(false); err != nil {
		return err
	}
	if err := c.say("40"); err != nil {
		return err
	}
	_, err := c.next()
	return err
}

// say sends a text message.
func (c *raw) say(text string) error {
	_, err := c.Write(appendFrame(nil, final|opText, []byte(text)))
	return err
}

// next reads the payload of the next message and answers heartbeats.
func (c *raw) next() (string, error) {
	for {
		var head [2]byte
		if _, err := io.ReadFull(c.r, head[:]); err != nil {
			return "", err
		}
		length := uint64(head[1] & 0x7f)
		switch length {
		case 126:
			var b [2]byte
			if _, err := io.ReadFull(c.r, b[:]); err != nil {
				return "", err
			}
			length = uint64(binary.BigEndian.Uint16(b[:]))
		case 127:
			var b [8]byte
			if _, err := io.ReadFull(c.r, b[:]); err != nil {
				return "", err
			}
			length = binary.BigEndian.Uint64(b[:])
		}
		if length > 1<<24 {
			return "", fmt.Errorf("a frame of %d bytes", length)
		}
		payload := make([]byte, length)
		if _, err := io.ReadFull(c.r, payload); err != nil {
			return "", err
		}
		switch {
		case head[0]&0x0f > opBinary: // the server closes or asks for a pong
			return "", errors.New("the server closes")
		case string(payload) == "2":
			if err := c.say("3"); err != nil {
				return "", err
			}
		default:
			return string(payload), nil
		}
	}
}

// chatter reads messages and answers heartbeats until the connection or the
// attack is over.
func (c *raw) chatter() error {
	for {
		if _, err := c.next(); err != nil {
			return err
		}
	}
}

// appendFrame appends a frame with the first byte. Its masking key is 0, so
// that the payload stays as it is.
func appendFrame(dst []byte, first byte, payload []byte) []byte {
	return append(appendHead(dst, first, len(payload)), payload...)
}

// appendHead appends all of a frame but its payload.
func appendHead(dst []byte, first byte, length int) []byte {
	switch {
	case length < 126:
		dst = append(dst, first, 0x80|byte(length))
	case length < 1<<16:
		dst = binary.BigEndian.AppendUint16(append(dst, first, 0x80|126), uint16(length))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, first, 0x80|127), uint64(length))
	}
	return append(dst, 0, 0, 0, 0)
}

// receiveBuffer sets the size of a socket's receive buffer, which bounds what
// the server can send to a client that does not read.
func receiveBuffer(size int) func(network, address string, c syscall.RawConn) error {
	if size == 0 {
		return nil
	}
	return func(_, _ string, c syscall.RawConn) error {
		var failed error
		err := c.Control(func(fd uintptr) {
			failed = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, size)
		})
		return errors.Join(err, failed)
	}
}
