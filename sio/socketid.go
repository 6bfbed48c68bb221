package sio

import (
	"bufio"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"sync"
	"sync/atomic"
)

// socketID is a socket's id in its text form, 20 characters of base64url. Its
// 15 bytes are 11 random ones and the place of the socket in its namespace's
// rooms, so that the room named by an id is found without a map:
//
//	| 0 … 10 random | 11 shard | 12 … 14 slot (big endian) |
type socketID [20]byte

const (
	idRandom = 11
	maxLoops = 256 // what the shard's byte can tell apart
)

var idEncoding = base64.RawURLEncoding.Strict()

// placeOf takes the shard and the slot out of s when it has the form of an id.
func placeOf(s string) (shard int, slot uint32, ok bool) {
	if len(s) != len(socketID{}) {
		return 0, 0, false
	}
	var tail [6]byte // s[12:] holds the bytes 9 to 14
	if _, err := idEncoding.Decode(tail[:], []byte(s[12:])); err != nil {
		return 0, 0, false
	}
	return int(tail[2]), binary.BigEndian.Uint32(tail[2:]) & (1<<24 - 1), true
}

// idSource makes ids for one loop. It reads the system's random generator in
// blocks. Loop-owned.
type idSource struct{ random *bufio.Reader }

func newIDSource() idSource { return idSource{bufio.NewReaderSize(rand.Reader, 512)} }

func (src idSource) next(shard int, slot uint32) (id socketID) {
	var raw [15]byte
	binary.BigEndian.PutUint32(raw[idRandom:], slot)
	raw[idRandom] = byte(shard)
	for i := 0; i < idRandom; {
		n, _ := src.random.Read(raw[i:idRandom]) // crypto/rand never fails
		i += n
	}
	idEncoding.Encode(id[:], raw[:])
	return id
}

// customIDs are those of a namespace's sockets whose ids don't contain their
// places: those of protocol 4 have the ids of their connections, recovered ones
// those of the sockets before them. Without any, a look-up costs one load. Safe
// for concurrent use.
type customIDs[S comparable] struct {
	count   atomic.Int64
	mu      sync.Mutex
	sockets map[string]S
}

func (c *customIDs[S]) add(id string, s S) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sockets == nil {
		c.sockets = make(map[string]S)
	}
	c.sockets[id] = s
	c.count.Store(int64(len(c.sockets)))
}

func (c *customIDs[S]) empty() bool { return c.count.Load() == 0 }

// remove removes s, but not another one that has taken over its id.
func (c *customIDs[S]) remove(id string, s S) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sockets[id] == s {
		delete(c.sockets, id)
		c.count.Store(int64(len(c.sockets)))
	}
}

func (c *customIDs[S]) find(id string) (s S, ok bool) {
	if c.empty() {
		return s, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	s, ok = c.sockets[id]
	return s, ok
}
