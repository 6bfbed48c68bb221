package eio

import (
	"bufio"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
)

// sessionID is the binary form of a sid: 11 random bytes, the index of the loop
// that owns the session, and the session's slot in that loop's table. Finding a
// session takes one index and one comparison, without a map, and any loop can
// tell which loop owns a sid. The 88 random bits make it unguessable.
//
//	| 0 … 10 random | 11 loop | 12 … 14 slot (big endian) |
//
// A server that forwards requests to other nodes of a cluster ([Forwarding])
// puts its number into three of the random bytes, so that the others know which
// node owns the session. The remaining 64 random bits are still out of reach: a
// guess must hit a sid in use, within its session's life, at one request a
// guess.
//
//	| 0 … 7 random | 8 … 10 node (big endian) | 11 loop | 12 … 14 slot |
//
// In text it is 20 characters of base64url (Engine.IO protocol, "handshake").
type sessionID [15]byte

const (
	sidRandom = 11
	sidNode   = 8
	maxNodes  = 1 << 24
	maxSlots  = 1 << 24
	maxLoops  = 1 << 8
)

var sidEncoding = base64.RawURLEncoding.Strict()

func parseSessionID(s string) (id sessionID, ok bool) {
	if len(s) != 20 {
		return id, false
	}
	n, err := sidEncoding.Decode(id[:], []byte(s))
	return id, err == nil && n == len(id)
}

func (id *sessionID) String() string { return sidEncoding.EncodeToString(id[:]) }

func (id *sessionID) loop() int { return int(id[sidRandom]) }

func (id *sessionID) slot() uint32 { return binary.BigEndian.Uint32(id[sidRandom:]) & (maxSlots - 1) }

func (id *sessionID) node() uint32 { return binary.BigEndian.Uint32(id[sidNode-1:]) & (maxNodes - 1) }

// idSource makes session ids for one loop. It reads the system's random
// generator in blocks. Loop-owned.
type idSource struct {
	random *bufio.Reader
	node   *uint32 // put into the ids; nil for none
}

func newIDSource(node *uint32) idSource {
	return idSource{bufio.NewReaderSize(rand.Reader, 512), node}
}

func (src idSource) next(loop int, slot uint32) (id sessionID) {
	binary.BigEndian.PutUint32(id[sidRandom:], slot)
	id[sidRandom] = byte(loop)
	for i := 0; i < sidRandom; {
		n, _ := src.random.Read(id[i:sidRandom]) // crypto/rand never fails
		i += n
	}
	if src.node != nil {
		last := id[sidNode-1]
		binary.BigEndian.PutUint32(id[sidNode-1:], *src.node)
		id[sidNode-1] = last
	}
	return id
}
