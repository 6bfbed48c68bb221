package demo

import "slices"

// person is a person in the chat. Chat.mu guards it.
type person struct {
	Identity
	room     *room // nil before the first Enter
	messages bucket
	others   bucket // everything that is not a message
}

// fixedRooms always exist; the list shows them first, in this order.
var fixedRooms = []string{"lobby", "gophers", "random"}

// room is a room of the chat. Chat.mu guards it.
type room struct {
	name    string
	rank    int // place in the list; all other rooms share the last one
	people  map[string]*person
	history []Message // the latest, oldest first
}

func newRoom(name string, rank int) *room {
	return &room{name: name, rank: rank, people: make(map[string]*person)}
}

// fixed reports whether the room exists while it is empty.
func (r *room) fixed() bool { return r.rank < len(fixedRooms) }

// record stores a message for people who enter later.
func (r *room) record(m Message) {
	if len(r.history) == maxHistory {
		r.history = slices.Delete(r.history, 0, 1)
	}
	r.history = append(r.history, m)
}

// listed returns the people in the room, at most maxListed of them.
func (r *room) listed() []Identity {
	list := make([]Identity, 0, min(len(r.people), maxListed))
	for _, p := range r.people {
		if len(list) == maxListed {
			break
		}
		list = append(list, p.Identity)
	}
	return list
}
