//go:build linux

package report

import "fmt"

// column is one figure of a kind's table.
type column struct {
	figure string
	head   string
	format func(float64) string
}

func plain(digits int) func(float64) string {
	return func(v float64) string { return fmt.Sprintf("%.*f", digits, v) }
}

func scaled(divisor float64, digits int) func(float64) string {
	return func(v float64) string { return fmt.Sprintf("%.*f", digits, v/divisor) }
}

const (
	mega  = 1e6
	milli = 1e3
)

// work is the table of everything that costs processor time for each unit.
func work(unit string) []column {
	return []column{
		{"cpu_us", "CPU µs/" + unit, plain(2)},
		{"user_us", "user", plain(2)},
		{"system_us", "system", plain(2)},
		{"rate_per_s", unit + "/s", plain(0)},
		{"p50_us", "p50 ms", scaled(milli, 2)},
		{"p99_us", "p99 ms", scaled(milli, 2)},
		{"max_us", "max ms", scaled(milli, 1)},
		{"server_cores", "server cores", plain(2)},
	}
}

// columns are the tables by kind of scenario. Memory is in decimal units, as in
// the reference's charts.
var columns = map[string][]column{
	"idle": {
		{"rss_slope_B", "RSS B/client", plain(0)},
		{"rss_r2", "R²", plain(4)},
		{"pss_slope_B", "Pss B/client", plain(0)},
		{"heap_slope_B", "heap B/client", plain(0)},
		{"kernel_slope_B", "kernel B/client (both ends)", plain(0)},
		{"rss_first_B", "RSS first MB", scaled(mega, 1)},
		{"rss_last_B", "RSS last MB", scaled(mega, 1)},
		{"heap_live_B", "live heap last MB", scaled(mega, 1)},
	},
	"waves": {
		{"rss_first_B", "RSS first MB", scaled(mega, 1)},
		{"rss_peak_B", "RSS peak MB", scaled(mega, 1)},
		{"rss_last_B", "RSS last MB", scaled(mega, 1)},
	},
	"broadcast": work("delivery"),
	"rooms":     work("delivery"),
	"echo":      work("round trip"),
	"latency":   append(work("round trip"), column{"p999_us", "p99.9 ms", scaled(milli, 2)}),
	"cluster": {
		{"cpu_us", "CPU µs/delivery", plain(2)},
		{"sender_us", "sender", plain(2)},
		{"receiver_us", "receiver", plain(2)},
		{"redis_message_us", "Redis µs/message", plain(1)},
		{"rate_per_s", "delivery/s", plain(0)},
		{"p50_us", "p50 ms", scaled(milli, 2)},
		{"p99_us", "p99 ms", scaled(milli, 2)},
		{"max_us", "max ms", scaled(milli, 1)},
		{"server_cores", "cores, Redis too", plain(2)},
	},
	"soak": {
		{"opened", "connections", plain(0)},
		{"recovered", "recovered", plain(0)},
		{"answered", "acknowledgements", plain(0)},
		{"deliveries", "deliveries", plain(0)},
		{"attacks", "attacks", plain(0)},
		{"median_rss_B", "RSS MB", scaled(mega, 1)},
		{"rise_rss_B", "rise", scaled(mega, 1)},
		{"median_heap_B", "live heap MB", scaled(mega, 1)},
		{"rise_heap_B", "rise", scaled(mega, 1)},
		{"median_files", "descriptors", plain(0)},
		{"rise_files", "rise", plain(0)},
		{"median_goroutines", "goroutines", plain(0)},
		{"rise_goroutines", "rise", plain(0)},
		{"median_p50_us", "p50 ms", scaled(milli, 1)},
		{"rise_p50_us", "rise", scaled(milli, 1)},
	},
	"flood": {
		{"rate_per_s", "event/s", plain(0)},
		{"rss_before_B", "RSS before MB", scaled(mega, 1)},
		{"rss_peak_B", "RSS peak MB", scaled(mega, 1)},
		{"p99_before_us", "others' p99 ms without", scaled(milli, 2)},
		{"p99_during_us", "with", scaled(milli, 2)},
		{"server_cores", "server cores", plain(2)},
	},
	"storm": append(work("handshake"), column{"files_left", "files left", plain(0)}),
}
