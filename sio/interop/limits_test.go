package interop

import (
	"testing"

	"github.com/sioserver/sioserver/eio"
	"github.com/sioserver/sioserver/sio"
)

// TestAddressLimits: a stock client whose address opens connections too fast
// reports an error, tries again by itself and gets in.
func TestAddressLimits(t *testing.T) {
	srv, url := serve(t, sio.Config{AddressLimits: &eio.AddressLimits{Handshakes: eio.Rate{PerSecond: 1, Burst: 1}}}, func(*sio.Server) {})
	d := newDriver(t)
	for name, options := range map[string]map[string]any{
		"polling":   {"transports": []string{"polling"}},
		"websocket": {"transports": []string{"websocket"}},
	} {
		d.join(name+" 1", url, options) // perhaps after a while, too
		c := d.open(name+" 2", url, options)
		c.expect("connect_error")
		c.expect("connect")
	}
	if st := srv.Stats().Addresses; st.TooManyHandshakes == 0 {
		t.Errorf("%+v", st)
	}
}
