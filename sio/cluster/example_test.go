package cluster_test

import (
	"fmt"
	"log"
	"slices"
	"sync"

	"github.com/sioserver/sioserver/sio"
	"github.com/sioserver/sioserver/sio/adapter"
	"github.com/sioserver/sioserver/sio/cluster"
	"github.com/sioserver/sioserver/sio/cluster/wire"
)

// broker stands for a message broker: each payload goes to all its connections,
// in order.
type broker struct {
	mu    sync.Mutex
	buses map[*brokerBus]bool
}

// brokerBus is the connection of one namespace of one server.
type brokerBus struct {
	broker   *broker
	payloads chan []byte // closed by Close
}

// open connects a node. The receive function gets the messages of the other
// nodes.
func (b *broker) open(uid string, receive func(m *cluster.Message)) (cluster.Bus, error) {
	bus := &brokerBus{b, make(chan []byte, 1024)}
	go func() {
		for payload := range bus.payloads {
			if m, err := wire.Decode(payload); err != nil {
				log.Print(err)
			} else {
				receive(m)
			}
		}
	}()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.buses[bus] = true
	return bus, nil
}

// Publish implements cluster.Bus. It encodes m before it returns and does not
// wait.
func (bus *brokerBus) Publish(m *cluster.Message) error {
	payload, err := wire.Append(nil, m)
	if err != nil {
		return err // is cluster.ErrUnencodable
	}
	bus.broker.mu.Lock()
	defer bus.broker.mu.Unlock()
	for other := range bus.broker.buses {
		select {
		case other.payloads <- slices.Clone(payload):
		default:
			err = fmt.Errorf("%w: the queue of the broker is full", cluster.ErrOverloaded)
		}
	}
	return err
}

// Close implements cluster.Bus.
func (bus *brokerBus) Close() error {
	bus.broker.mu.Lock()
	defer bus.broker.mu.Unlock()
	delete(bus.broker.buses, bus)
	close(bus.payloads)
	return nil
}

// Servers that are connected by a message broker of the application's choice.
func ExampleNew() {
	b := &broker{buses: make(map[*brokerBus]bool)}
	cfg := cluster.Config{}
	if err := cfg.Validate(); err != nil {
		log.Fatal(err)
	}
	open := func() *sio.Server {
		srv, err := sio.New(sio.Config{Adapter: func(local adapter.Local) adapter.Adapter {
			n, err := cluster.New(local, cfg, b.open)
			if err != nil {
				panic(err) // neither cfg nor open can fail
			}
			return n
		}})
		if err != nil {
			log.Fatal(err)
		}
		return srv
	}
	one, other := open(), open()
	reloaded := make(chan string)
	other.OnServerEvent("reload", func(e *sio.ServerEvent) { reloaded <- string(e.Raw(0)) })
	if err := one.ServerSideEmit("reload", "templates"); err != nil {
		log.Fatal(err)
	}
	fmt.Println(<-reloaded)
	one.Close()
	other.Close()
	// Output: "templates"
}
