package eiotest

import (
	"bufio"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"
)

// The opcodes of WebSocket frames (RFC 6455 section 5.2).
const (
	OpContinuation = 0x0
	OpText         = 0x1
	OpBinary       = 0x2
	OpClose        = 0x8
	OpPing         = 0x9
	OpPong         = 0xa
)

// Conn is a TCP connection, usually upgraded to WebSocket.
type Conn struct {
	net.Conn
	r  *bufio.Reader
	tb testing.TB
}

// Frame is a received WebSocket frame.
type Frame struct {
	First   byte // FIN, RSV and opcode
	Payload []byte
}

// Opcode is the frame's opcode.
func (f Frame) Opcode() byte { return f.First & 0x0f }

func (f Frame) String() string {
	if f.Opcode() == OpClose && len(f.Payload) >= 2 {
		return fmt.Sprintf("close %d %q", binary.BigEndian.Uint16(f.Payload), f.Payload[2:])
	}
	return fmt.Sprintf("frame %x %q", f.First, f.Payload)
}

// DialTCP connects to addr. The connection is closed with the test.
func DialTCP(tb testing.TB, addr string) *Conn {
	tb.Helper()
	c, err := net.DialTimeout("tcp", addr, Timeout)
	if err != nil {
		tb.Fatal(err)
	}
	return NewConn(tb, c)
}

// NewConn makes a Conn of c, which is closed with the test.
func NewConn(tb testing.TB, c net.Conn) *Conn {
	tb.Cleanup(func() { c.Close() })
	return &Conn{c, bufio.NewReader(c), tb}
}

// UpgradeRequest is the head of a WebSocket handshake for target; the extra
// strings are header names and values in turn.
func UpgradeRequest(target string, header ...string) string {
	key := make([]byte, 16)
	rand.Read(key)
	s := "GET " + target + " HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + base64.StdEncoding.EncodeToString(key) + "\r\n"
	for i := 0; i+1 < len(header); i += 2 {
		s += header[i] + ": " + header[i+1] + "\r\n"
	}
	return s + "\r\n"
}

// Dial opens a WebSocket.
func Dial(tb testing.TB, addr, target string, header ...string) *Conn {
	tb.Helper()
	c := DialTCP(tb, addr)
	c.WriteString(UpgradeRequest(target, header...))
	if r := c.ReadResponse(); r.Status != http.StatusSwitchingProtocols {
		tb.Fatalf("upgrade of %s: %d %s", target, r.Status, r.Body)
	}
	return c
}

// WriteString writes raw bytes.
func (c *Conn) WriteString(s string) {
	c.tb.Helper()
	if _, err := c.Write([]byte(s)); err != nil {
		c.tb.Fatal(err)
	}
}

// ReadResponse reads one HTTP response.
func (c *Conn) ReadResponse() Response {
	c.tb.Helper()
	c.SetReadDeadline(time.Now().Add(Timeout))
	r, err := http.ReadResponse(c.r, nil)
	if err != nil {
		c.tb.Fatal(err)
	}
	var body []byte
	if r.StatusCode != http.StatusSwitchingProtocols {
		if body, err = io.ReadAll(r.Body); err != nil {
			c.tb.Fatal(err)
		}
	}
	return Response{r.StatusCode, r.Header, string(body)}
}

// AppendFrame appends a masked frame with the given first byte.
func AppendFrame(dst []byte, first byte, payload []byte) []byte {
	dst = append(dst, first)
	switch n := len(payload); {
	case n < 126:
		dst = append(dst, 0x80|byte(n))
	case n <= 0xffff:
		dst = binary.BigEndian.AppendUint16(append(dst, 0x80|126), uint16(n))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, 0x80|127), uint64(n))
	}
	var mask [4]byte
	rand.Read(mask[:])
	dst = append(dst, mask[:]...)
	for i, b := range payload {
		dst = append(dst, b^mask[i&3])
	}
	return dst
}

// WriteFrame writes a masked frame with the given first byte.
func (c *Conn) WriteFrame(first byte, payload []byte) {
	c.tb.Helper()
	c.WriteString(string(AppendFrame(nil, first, payload)))
}

// Text writes each of messages as a text frame, all with one write.
func (c *Conn) Text(messages ...string) {
	c.tb.Helper()
	var b []byte
	for _, m := range messages {
		b = AppendFrame(b, 0x80|OpText, []byte(m))
	}
	c.WriteString(string(b))
}

// Binary writes b as a binary frame.
func (c *Conn) Binary(b []byte) {
	c.tb.Helper()
	c.WriteFrame(0x80|OpBinary, b)
}

// ReadFrame reads one frame; the error is io.EOF when the peer is gone.
func (c *Conn) ReadFrame() (Frame, error) {
	c.SetReadDeadline(time.Now().Add(Timeout))
	var head [2]byte
	if _, err := io.ReadFull(c.r, head[:]); err != nil {
		return Frame{}, err
	}
	if head[1]&0x80 != 0 {
		return Frame{}, errors.New("the server masked a frame")
	}
	n := uint64(head[1])
	switch n {
	case 126:
		var b [2]byte
		if _, err := io.ReadFull(c.r, b[:]); err != nil {
			return Frame{}, err
		}
		n = uint64(binary.BigEndian.Uint16(b[:]))
	case 127:
		var b [8]byte
		if _, err := io.ReadFull(c.r, b[:]); err != nil {
			return Frame{}, err
		}
		n = binary.BigEndian.Uint64(b[:])
	}
	payload := make([]byte, n)
	_, err := io.ReadFull(c.r, payload)
	return Frame{head[0], payload}, err
}

// Next reads one frame and fails the test when there is none.
func (c *Conn) Next() Frame {
	c.tb.Helper()
	f, err := c.ReadFrame()
	if err != nil {
		c.tb.Fatalf("no frame: %v", err)
	}
	return f
}

// Expect reads as many text frames as messages and compares them.
func (c *Conn) Expect(messages ...string) {
	c.tb.Helper()
	for _, want := range messages {
		if f := c.Next(); f.First != 0x80|OpText || string(f.Payload) != want {
			c.tb.Fatalf("got %v, want text %q", f, want)
		}
	}
}

// ExpectClose reads a close frame with the given status, 0 for none, answers it
// and expects the end of the connection.
func (c *Conn) ExpectClose(status uint16) {
	c.tb.Helper()
	f := c.Next()
	var got uint16
	if len(f.Payload) >= 2 {
		got = binary.BigEndian.Uint16(f.Payload)
	}
	if f.Opcode() != OpClose || got != status {
		c.tb.Fatalf("got %v, want close %d", f, status)
	}
	c.Write(AppendFrame(nil, 0x80|OpClose, f.Payload)) // the peer may be gone already
	c.ExpectEOF()
}

// ExpectEOF expects that the peer ends the connection without another byte.
func (c *Conn) ExpectEOF() {
	c.tb.Helper()
	c.SetReadDeadline(time.Now().Add(Timeout))
	b, err := c.r.ReadByte()
	var timeout net.Error
	if err == nil || errors.As(err, &timeout) && timeout.Timeout() {
		c.tb.Fatalf("the connection lives on: byte %#x, %v", b, err)
	}
}
