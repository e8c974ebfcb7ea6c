/* SPDX-License-Identifier: Apache-2.0 */
/* The program that the behaviours start: static, so that it opens nothing of its own. */
int main(void)
{
	return 0;
}
