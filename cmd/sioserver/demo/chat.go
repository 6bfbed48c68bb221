package demo

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sioserver/sioserver/sio"
)

// listEvery is how long changes to the list of rooms are collected before it is
// sent to all clients.
const listEvery = 200 * time.Millisecond

// Chat has the rooms and the people in them. In a cluster, messages reach the
// rooms of all servers, but people, counts and history are those of one server.
// It is safe for concurrent use.
type Chat struct {
	ns *sio.Namespace

	mu       sync.Mutex
	people   map[string]*person // by socket id
	rooms    map[string]*room
	messages int64  // said so far
	epoch    string // makes message ids differ between runs of the server
	listing  bool   // a broadcast of the list is due
}

// NewChat registers the chat on a namespace. Three rooms always exist; others
// exist while a person is in them.
func NewChat(ns *sio.Namespace) *Chat {
	c := &Chat{
		ns:     ns,
		people: make(map[string]*person),
		rooms:  make(map[string]*room),
		epoch:  strconv.FormatInt(time.Now().UnixMilli(), 36),
	}
	for i, name := range fixedRooms {
		c.rooms[name] = newRoom(name, i)
	}
	ns.Use(c.admit)
	ns.OnConnection(c.welcome)
	ns.OnDisconnect(c.gone)
	sio.OnAck(ns, "enter", c.enter)
	sio.OnAck(ns, "say", c.say)
	sio.OnAck(ns, "rename", c.rename)
	sio.On(ns, "typing", c.typing)
	return c
}

// admit is the middleware: it refuses clients without a valid name.
func (c *Chat) admit(s *sio.Socket) error {
	var auth Rename
	if err := json.Unmarshal(s.Handshake().Auth, &auth); err != nil {
		return errName
	}
	name, err := cleanName(auth.Name)
	if err != nil {
		return err
	}
	s.SetData(&person{Identity: Identity{ID: s.ID(), Name: name}})
	return nil
}

func (c *Chat) welcome(s *sio.Socket) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := s.Data().(*person)
	c.people[p.ID] = p
	_ = s.Emit("welcome", p.Identity)
	_ = s.Emit("rooms", c.listLocked())
}

func (c *Chat) gone(s *sio.Socket, _ sio.Reason) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p := c.people[s.ID()]; p != nil {
		c.leaveLocked(s, p)
		delete(c.people, p.ID)
	}
}

func (c *Chat) enter(_ context.Context, s *sio.Socket, q Enter) (Entered, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p, err := c.personLocked(s)
	if err != nil {
		return Entered{Error: err.Error()}, nil
	}
	r, err := c.roomLocked(q.Room)
	if err != nil {
		return Entered{Error: err.Error()}, nil
	}
	if p.room != r {
		c.leaveLocked(s, p)
		c.rooms[r.name], r.people[p.ID], p.room = r, p, r
		s.Join(r.name)
		_ = s.To(r.name).Emit("joined", r.name, p.Identity)
		c.announceLocked()
	}
	return Entered{Room: r.name, People: r.listed(), Total: len(r.people), History: append([]Message{}, r.history...)}, nil
}

func (c *Chat) say(_ context.Context, s *sio.Socket, q Say) (Said, error) {
	text, err := cleanText(q.Text)
	if err != nil {
		return Said{Error: err.Error()}, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.people[s.ID()]
	if p == nil || p.room == nil {
		return Said{Error: errNoRoom.Error()}, nil
	}
	now := time.Now()
	if !p.messages.take(now, 8, 500*time.Millisecond) {
		return Said{Error: errHaste.Error()}, nil
	}
	c.messages++
	m := Message{
		ID:   c.epoch + "-" + strconv.FormatInt(c.messages, 36),
		From: p.Identity,
		Text: text,
		At:   now.UnixMilli(),
	}
	p.room.record(m)
	_ = s.To(p.room.name).Emit("message", p.room.name, m)
	return Said{ID: m.ID}, nil
}

func (c *Chat) rename(_ context.Context, s *sio.Socket, q Rename) (Renamed, error) {
	name, err := cleanName(q.Name)
	if err != nil {
		return Renamed{Error: err.Error()}, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	p, err := c.personLocked(s)
	if err != nil {
		return Renamed{Error: err.Error()}, nil
	}
	if before := p.Name; before != name {
		p.Name = name
		if p.room != nil {
			_ = c.ns.To(p.room.name).Emit("renamed", p.room.name, p.Identity, before)
		}
	}
	return Renamed{Name: name}, nil
}

// typing forwards a notice. It is volatile, since a late one is of no use.
func (c *Chat) typing(_ context.Context, s *sio.Socket, on bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	p, err := c.personLocked(s)
	if err != nil {
		return err
	}
	if p.room == nil {
		return errNoRoom
	}
	return s.To(p.room.name).Volatile().Emit("typing", p.room.name, p.Identity, on)
}

// personLocked returns the person of a socket and counts the request against
// their limit. c.mu is held.
func (c *Chat) personLocked(s *sio.Socket) (*person, error) {
	p := c.people[s.ID()]
	if p == nil {
		return nil, errNoRoom
	}
	if !p.others.take(time.Now(), 10, 500*time.Millisecond) {
		return nil, errHaste
	}
	return p, nil
}

// roomLocked returns the room with a name that a person has typed. A new room
// is not in c.rooms yet. c.mu is held.
func (c *Chat) roomLocked(name string) (*room, error) {
	name, err := cleanRoom(name)
	if err != nil {
		return nil, err
	}
	if r := c.rooms[name]; r != nil {
		return r, nil
	}
	if len(c.rooms) >= maxRooms {
		return nil, errRooms
	}
	return newRoom(name, len(fixedRooms)), nil
}

// leaveLocked takes a person out of their room, if they are in one. c.mu is
// held.
func (c *Chat) leaveLocked(s *sio.Socket, p *person) {
	r := p.room
	if r == nil {
		return
	}
	p.room = nil
	delete(r.people, p.ID)
	if len(r.people) == 0 && !r.fixed() {
		delete(c.rooms, r.name)
	}
	s.Leave(r.name)
	_ = c.ns.To(r.name).Emit("left", r.name, p.Identity)
	c.announceLocked()
}

// announceLocked sends the list of rooms to all clients within listEvery. c.mu
// is held.
func (c *Chat) announceLocked() {
	if c.listing {
		return
	}
	c.listing = true
	time.AfterFunc(listEvery, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.listing = false
		_ = c.ns.Local().Emit("rooms", c.listLocked()) // other servers have counts of their own
	})
}

// listLocked returns the rooms, the permanent ones first. c.mu is held.
func (c *Chat) listLocked() []RoomCount {
	rooms := make([]*room, 0, len(c.rooms))
	for _, r := range c.rooms {
		rooms = append(rooms, r)
	}
	slices.SortFunc(rooms, func(a, b *room) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), strings.Compare(a.name, b.name))
	})
	list := make([]RoomCount, len(rooms))
	for i, r := range rooms {
		list[i] = RoomCount{Name: r.name, People: len(r.people)}
	}
	return list
}
