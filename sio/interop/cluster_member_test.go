package interop

import (
	"encoding/json"
	"strconv"
	"testing"
)

// target narrows a call down.
type target struct {
	Rooms    []string `json:"rooms,omitempty"`
	Except   []string `json:"except,omitempty"`
	Volatile bool     `json:"volatile,omitempty"`
	Local    bool     `json:"local,omitempty"`
	Compress *bool    `json:"compress,omitempty"`
	Timeout  int      `json:"timeout,omitempty"` // ms
}

// call is a request to a member, with a method of cluster.mjs.
type call struct {
	Do        string `json:"do"`
	Client    string `json:"client"`
	ID        string `json:"id"`
	Method    string `json:"method"`
	Namespace string `json:"namespace,omitempty"`
	Target    target `json:"target"`
	Args      []any  `json:"args"`
}

// outcome is what a call has returned.
type outcome struct {
	args []json.RawMessage
	err  string // with the partial answers in args
}

// member is a server of a cluster, or an emitter into it, in Go or in Node.js.
type member interface {
	name() string
	url() string
	// start begins a call; the function that it returns waits for the outcome.
	start(c call) (wait func() outcome)
	// inbox has the server events: namespace and arguments.
	events() *inbox
}

// nodeMember is a member in cluster.mjs.
type nodeMember struct {
	*client
	at string
}

func (m *nodeMember) name() string   { return m.client.name }
func (m *nodeMember) url() string    { return m.at }
func (m *nodeMember) events() *inbox { return m.inbox }

func (m *nodeMember) start(c call) func() outcome {
	m.t.Helper()
	m.asked++
	c.Do, c.Client, c.ID = "call", m.client.name, strconv.Itoa(m.asked)
	m.tell(c)
	return func() outcome {
		r := m.expect("reply " + c.ID)
		return outcome{r.Args, r.Text}
	}
}

// nodeOptions say what a member in cluster.mjs is.
type nodeOptions struct {
	Do      string         `json:"do"` // serve or emitter
	Client  string         `json:"client"`
	Adapter string         `json:"adapter"`
	Redis   string         `json:"redis"`
	Options map[string]any `json:"options,omitempty"` // of the adapter or emitter
	Server  map[string]any `json:"server,omitempty"`  // of the server
	Mute    bool           `json:"mute,omitempty"`
}

// newCluster starts cluster.mjs.
func newCluster(t *testing.T) *driver {
	t.Helper()
	need(t, []string{"node"}, "node_modules/@socket.io/redis-streams-adapter")
	return startDriver(t, "node", "cluster.mjs")
}

// serve starts a server in cluster.mjs.
func (d *driver) serve(o nodeOptions) *nodeMember {
	d.t.Helper()
	o.Do = "serve"
	d.tell(o)
	c := &client{d, o.Client}
	return &nodeMember{c, c.expect("listening").Text}
}

// emitter starts an emitter in cluster.mjs.
func (d *driver) emitter(o nodeOptions) *nodeMember {
	d.t.Helper()
	o.Do = "emitter"
	d.tell(o)
	c := &client{d, o.Client}
	c.expect("ready")
	return &nodeMember{c, ""}
}
