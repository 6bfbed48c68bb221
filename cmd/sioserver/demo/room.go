package demo

import "slices"

// person is someone in the chat. All of it is guarded by Chat.mu.
type person struct {
	Who
	room     *room // nil before the first Enter
	messages bucket
	others   bucket // everything that is not a message
}

// fixedRooms are always there, listed in this order.
var fixedRooms = []string{"lobby", "gophers", "random"}

// room is a place to talk. All of it is guarded by Chat.mu.
type room struct {
	name    string
	rank    int // place in the list; rooms that come and go share the last
	people  map[string]*person
	history []Message // the latest, oldest first
}

func newRoom(name string, rank int) *room {
	return &room{name: name, rank: rank, people: make(map[string]*person)}
}

// fixed reports whether the room stays when it is empty.
func (r *room) fixed() bool { return r.rank < len(fixedRooms) }

// record keeps a message for those who enter later.
func (r *room) record(m Message) {
	if len(r.history) == maxHistory {
		r.history = slices.Delete(r.history, 0, 1)
	}
	r.history = append(r.history, m)
}

// listed gives the people here, at most maxListed of them.
func (r *room) listed() []Who {
	list := make([]Who, 0, min(len(r.people), maxListed))
	for _, p := range r.people {
		if len(list) == maxListed {
			break
		}
		list = append(list, p.Who)
	}
	return list
}
