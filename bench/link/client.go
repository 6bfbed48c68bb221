//go:build linux

package link

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

const (
	dialTimeout = 40 * time.Second
	maxMessage  = 32 << 20 // bytes of a message that a client takes
)

// arrival is an event that a client has got.
type arrival struct {
	number   int
	sent, at time.Time
}

// client is connected to the main namespace over WebSocket, and keeps what it
// gets of each stream of events. It acknowledges events that ask for it. It is
// safe for concurrent use.
type client struct {
	conn    net.Conn
	in      *bufio.Reader
	id, pid string // of the socket, and the secret for coming back
	ended   chan struct{}
	joined  chan struct{} // closed when an event "join" has been acknowledged

	writing sync.Mutex

	mu       sync.Mutex
	arrivals map[string][]arrival // by stream
	offset   string               // of the last event that had one
	last     time.Time            // when anything came
}

// dial connects; auth is a JSON object, or empty.
func dial(ctx context.Context, addr, auth string) (*client, error) {
	dialer := net.Dialer{Timeout: dialTimeout}
	conn, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	c := &client{
		conn: conn, in: bufio.NewReader(conn), ended: make(chan struct{}), joined: make(chan struct{}),
		arrivals: map[string][]arrival{},
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	conn.SetDeadline(time.Now().Add(dialTimeout))
	if err := c.handshake(addr, auth); err != nil {
		conn.Close()
		return nil, err
	}
	conn.SetDeadline(time.Time{})
	go c.read()
	return c, nil
}

func (c *client) handshake(addr, auth string) error {
	_, err := fmt.Fprintf(c.conn, "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\n"+
		"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: c2lvc2VydmVyIGJlbmNoIQ==\r\n\r\n", addr)
	if err != nil {
		return err
	}
	answer, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return err
	}
	if answer.StatusCode != http.StatusSwitchingProtocols {
		return fmt.Errorf("the handshake is answered with status %d", answer.StatusCode)
	}
	if _, err := c.message(); err != nil { // of the engine
		return err
	}
	if err := c.send("40" + auth); err != nil {
		return err
	}
	for {
		packet, err := c.message()
		if err != nil {
			return err
		}
		if answer, ok := bytes.CutPrefix(packet, []byte("40")); ok {
			var is struct{ Sid, Pid string }
			err := json.Unmarshal(answer, &is)
			c.id, c.pid = is.Sid, is.Pid
			return err
		}
		// What a client has missed comes before.
		if c.take(packet) != nil {
			return fmt.Errorf("the server did not connect the namespace: %.100q", packet)
		}
	}
}

// send sends a text message.
func (c *client) send(text string) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	frame := []byte{0x81}
	switch n := len(text); {
	case n < 126:
		frame = append(frame, 0x80|byte(n))
	case n <= 0xffff:
		frame = binary.BigEndian.AppendUint16(append(frame, 0x80|126), uint16(n))
	default:
		frame = binary.BigEndian.AppendUint64(append(frame, 0x80|127), uint64(n))
	}
	frame = append(frame, 0, 0, 0, 0) // a mask of zeros
	_, err := c.conn.Write(append(frame, text...))
	return err
}

// message reads the next message, which is text in one frame.
func (c *client) message() ([]byte, error) {
	var head [10]byte
	if _, err := io.ReadFull(c.in, head[:2]); err != nil {
		return nil, err
	}
	if head[0] != 0x81 {
		return nil, fmt.Errorf("a frame that begins with %#x", head[0])
	}
	length := uint64(head[1])
	switch length {
	case 126:
		if _, err := io.ReadFull(c.in, head[:2]); err != nil {
			return nil, err
		}
		length = uint64(binary.BigEndian.Uint16(head[:]))
	case 127:
		if _, err := io.ReadFull(c.in, head[:8]); err != nil {
			return nil, err
		}
		length = binary.BigEndian.Uint64(head[:])
	}
	if length > maxMessage {
		return nil, fmt.Errorf("a frame of %d bytes", length)
	}
	payload := make([]byte, length)
	_, err := io.ReadFull(c.in, payload)
	return payload, err
}

// read takes what comes until the connection ends.
func (c *client) read() {
	defer close(c.ended)
	defer c.conn.Close()
	for {
		packet, err := c.message()
		if err != nil || c.take(packet) != nil {
			return
		}
	}
}

var errEnded = errors.New("the server has ended the connection")

// take handles one packet.
func (c *client) take(packet []byte) error {
	switch {
	case len(packet) == 1 && packet[0] == '2':
		return c.send("3")
	case bytes.HasPrefix(packet, []byte("43")):
		close(c.joined)
	case bytes.HasPrefix(packet, []byte("42[")):
		c.event(packet[2:])
	case bytes.HasPrefix(packet, []byte("42")):
		id, _, _ := bytes.Cut(packet[2:], []byte("["))
		return c.send("43" + string(id) + "[1]")
	default:
		return errEnded
	}
	return nil
}

// event keeps an event of a stream: ["m",stream,number,milliseconds,fill], and
// behind it an offset if there is one.
func (c *client) event(args []byte) {
	head, ok := bytes.CutPrefix(args, []byte(`["m","`))
	fields := bytes.SplitN(head, []byte{','}, 4)
	if !ok || len(fields) < 4 {
		return
	}
	number, _ := strconv.Atoi(string(fields[1]))
	sent, _ := strconv.ParseInt(string(fields[2]), 10, 64)
	stream := string(bytes.TrimSuffix(fields[0], []byte{'"'}))
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = time.Now()
	c.arrivals[stream] = append(c.arrivals[stream], arrival{number, time.UnixMilli(sent), c.last})
	end := bytes.TrimSuffix(args, []byte(`"]`))
	if offset := string(end[bytes.LastIndexByte(end, '"')+1:]); offset != "" && offset[0] != 'x' {
		c.offset = offset
	}
}

// join has the socket join a room.
func (c *client) join(room string) error {
	if err := c.send(`420["join","` + room + `"]`); err != nil {
		return err
	}
	select {
	case <-c.joined:
		return nil
	case <-c.ended:
		return errEnded
	case <-time.After(dialTimeout):
		return errors.New("the server does not let a client join a room")
	}
}

// got returns what has come of a stream.
func (c *client) got(stream string) []arrival {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clip(c.arrivals[stream])
}

// leave ends the connection without a close, like a lost one.
func (c *client) leave() {
	c.conn.Close()
	<-c.ended
}
