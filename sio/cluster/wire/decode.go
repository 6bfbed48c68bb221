package wire

import "github.com/sioserver/sioserver/sio/cluster"

// Decode reads a whole message: JSON if it starts with a brace, else MessagePack.
// Ownership of b passes: the message refers to it.
func Decode(b []byte) (*cluster.Message, error) { return nil, errUnfinished }

// DecodeData fills in what the member data of a message of type m.Type says. b is
// empty when there is none. Ownership of b passes.
func DecodeData(m *cluster.Message, b []byte) error { return errUnfinished }
