// A program that uses the library as Python does: it describes it, has the contender ours
// do a job of two planes, and reads the result.
#include <stdio.h>
#include <string.h>

#include "libpeers.h"

int main(void) {
	char text[1 << 16];
	GoInt64 length = peersDescribe(text, sizeof text);
	if (length >= (GoInt64)sizeof text || strstr(text, "\"ours\"") == NULL) {
		printf("description: %s\n", text);
		return 1;
	}
	float x[6] = {1, 2, 3, 4, 5, 6}, y[6] = {-1, -1, -1, -1, -1, -1}, factors[2] = {2, 0};
	peers_job job = {
		.work = 0, .dtype = 0, .order = 0, .workers = 1,
		.samples = 1, .channels = 2, .spatial = 3,
		.rate = 0.5, .x = x, .y = y, .factors = factors,
	};
	GoInt64 handle = peersPrepare("ours", &job, text, sizeof text);
	if (handle <= 0) {
		printf("handle %lld: %s\n", (long long)handle, text);
		return 1;
	}
	memset(y, 0xff, sizeof y);
	GoInt64 ns = peersTime(handle, 3, y, sizeof y);
	printf("%g %g %g %g %g %g\n", y[0], y[1], y[2], y[3], y[4], y[5]);
	peersRead(y, sizeof y);
	peersRelease(handle);
	printf("%s %s\n", ns > 0 ? "timed" : "not timed", peersTime(handle, 1, NULL, 0) == -1 ? "released" : "held");
	job.samples = 0;
	printf("%lld %s\n", (long long)peersPrepare("ours", &job, text, sizeof text), text);
	return 0;
}
